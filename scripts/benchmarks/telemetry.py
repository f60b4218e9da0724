"""What the default telemetry costs: whole trainings with and without it.

Both sides are `trainer.fit` of one configuration with the TensorBoard logger, validations and all: one with
the default callbacks, figures and projector included, one without the callbacks of the telemetry. They
alternate in one process, from the first epoch to the last: nothing is extrapolated. Two ratios compare the
medians, of the time on the clock and of the time that the process spent computing. The last figure is the
computing time within the hooks of the telemetry's callbacks by that of the rest of the same training: on a
busy machine two trainings differ by more than what is measured, and this does not.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytorch_lightning as pl
from benchmarks import cases

from seqtrain.config import compose_config
from seqtrain.training.build import build_data, build_learner, build_trainer

TELEMETRY = ("hidden_states", "weights", "recurrence", "predictions", "warnings", "run_page")
OFF = [f"callbacks.{name}=null" for name in TELEMETRY]
CASES = {
    "digits": [],
    "ewt": ["experiment=ewt_bilstm", "trainer.max_epochs=10"],
    "mnist": ["experiment=mnist_lstm"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    cases.add_arguments(parser, CASES, threads=1, repeats=3)
    parser.add_argument("--only-on", action="store_true", help="only with telemetry, for the last figure")


def run(options: argparse.Namespace) -> None:
    columns = ("off, s", "on, s", "computing, on to off", "clock, on to off", "in the callbacks")
    cases.print_cases(options, columns, _measure, _format_row)


def _format_row(row: dict[str, Any]) -> list[str]:
    on, off = row["on"], row.get("off")
    ratios = [f"{on[kind] / off[kind]:.3f}" if off else "" for kind in ("computing", "clock")]
    return [f"{off['clock']:.1f}" if off else "", f"{on['clock']:.1f}", *ratios, f"{on['share']:.2%}"]


def _measure(case: str, options: argparse.Namespace) -> dict[str, Any]:
    accelerator = "gpu" if options.device == "cuda" else "cpu"
    sides = {"on": []} if options.only_on else {"off": OFF, "on": []}
    times: dict[str, list[Times]] = {side: [] for side in sides}
    for _ in range(options.repeats):
        for side, overrides in sides.items():
            times[side].append(_train([*CASES[case], *overrides, f"trainer.accelerator={accelerator}"]))
    return {
        side: {
            "clock": statistics.median(each.clock for each in measured),
            "computing": statistics.median(each.computing for each in measured),
            "share": statistics.median(each.hooks / (each.computing - each.hooks) for each in measured),
        }
        for side, measured in times.items()
    }


@dataclass
class Times:
    """Seconds of one training: on the clock, of computing, and of computing within the telemetry's hooks."""

    clock: float = 0.0
    computing: float = 0.0
    hooks: float = 0.0

    def count(self, hook: Callable[..., None]) -> Callable[..., None]:
        """The same hook, its time counted."""

        def counted(*arguments: Any, **options: Any) -> None:
            before = time.process_time()
            hook(*arguments, **options)
            self.hooks += time.process_time() - before

        return counted


def _train(overrides: list[str]) -> Times:
    times = Times()
    with tempfile.TemporaryDirectory() as folder:
        cfg = compose_config([*overrides, f"run_dir={folder}/run"])
        pl.seed_everything(cfg.seed, verbose=False)
        data = build_data(cfg)
        data.setup()
        learner = build_learner(cfg, data.spec)
        trainer = build_trainer(cfg)
        nodes = [cfg.callbacks[name] for name in TELEMETRY if cfg.callbacks[name] is not None]
        names = {node["_target_"].rsplit(".", 1)[1] for node in nodes}
        for callback in cast(Any, trainer).callbacks:
            if type(callback).__name__ in names:
                _count_hooks(callback, times)
        clock, computing = time.perf_counter(), time.process_time()
        trainer.fit(learner, data)
        times.clock, times.computing = time.perf_counter() - clock, time.process_time() - computing
    return times


def _count_hooks(callback: pl.Callback, times: Times) -> None:
    for name in dir(callback):
        if name.startswith("on_") and callable(getattr(callback, name)):
            setattr(callback, name, times.count(getattr(callback, name)))

"""What the default telemetry costs: whole trainings with and without it.

Both sides are `trainer.fit` of one configuration with the TensorBoard logger, validations and all: one with
the default callbacks, figures and projector included, one without the callbacks of the telemetry. They
alternate in one process. The figure is the ratio of the medians of the time that the process spent computing,
which other work on the machine changes less than the time on the clock; both are shown.
"""

import argparse
import statistics
import tempfile
import time
from typing import Any

import pytorch_lightning as pl
from benchmarks import cases

from seqtrain.config import compose_config
from seqtrain.training.build import build_data, build_learner, build_trainer

TELEMETRY = ("hidden_states", "weights", "recurrence", "predictions", "warnings", "run_page")
OFF = [f"callbacks.{name}=null" for name in TELEMETRY]
CASES = {
    "digits": [],
    "ewt": ["experiment=ewt_bilstm", "trainer.max_epochs=2"],
    "mnist": ["experiment=mnist_lstm", "trainer.max_epochs=2"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    cases.add_arguments(parser, CASES, threads=1, repeats=3)


def run(options: argparse.Namespace) -> None:
    columns = ("off, s", "on, s", "computing, on to off", "clock, on to off")
    cases.print_cases(options, columns, _measure, _format_row)


def _format_row(row: dict[str, Any]) -> list[str]:
    on, off = row["on"], row["off"]
    ratios = [f"{on[kind] / off[kind]:.3f}" for kind in ("computing", "clock")]
    return [f"{off['clock']:.1f}", f"{on['clock']:.1f}", *ratios]


def _measure(case: str, options: argparse.Namespace) -> dict[str, Any]:
    accelerator = "gpu" if options.device == "cuda" else "cpu"
    sides = {"off": OFF, "on": []}
    times: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for _ in range(options.repeats):
        for side, overrides in sides.items():
            times[side].append(_train([*CASES[case], *overrides, f"trainer.accelerator={accelerator}"]))
    return {
        side: {
            "clock": statistics.median(clock for clock, _ in measured),
            "computing": statistics.median(computing for _, computing in measured),
        }
        for side, measured in times.items()
    }


def _train(overrides: list[str]) -> tuple[float, float]:
    """Seconds on the clock and of computing that one training takes."""
    with tempfile.TemporaryDirectory() as folder:
        cfg = compose_config([*overrides, f"run_dir={folder}/run"])
        pl.seed_everything(cfg.seed, verbose=False)
        data = build_data(cfg)
        data.setup()
        learner = build_learner(cfg, data.spec)
        trainer = build_trainer(cfg)
        clock, computing = time.perf_counter(), time.process_time()
        trainer.fit(learner, data)
        return time.perf_counter() - clock, time.process_time() - computing

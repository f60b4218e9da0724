"""What the default telemetry costs: whole trainings with and without it.

Both sides are `trainer.fit` of one configuration with the TensorBoard logger, validations and all: one with
the default callbacks, figures and projector included, one without the callbacks of the telemetry. They
alternate in one process. The figure is the ratio of the medians of the time that the process spent computing,
which other work on the machine changes less than the time on the clock; both are shown.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from benchmarks.recurrence import describe_machine

from seqtrain.config import compose_config
from seqtrain.runs.logs import quiet_lightning
from seqtrain.training.build import build_data, build_learner, build_trainer

TELEMETRY = ("hidden_states", "weights", "recurrence", "predictions", "warnings", "run_page")
OFF = [f"callbacks.{name}=null" for name in TELEMETRY]
CASES = {
    "digits": [],
    "ewt": ["experiment=ewt_bilstm", "trainer.max_epochs=2"],
    "mnist": ["experiment=mnist_lstm", "trainer.max_epochs=2"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of torch on the CPU (default: 1)")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), help="default: all")
    parser.add_argument("--repeats", type=int, default=3, help="of each side, in turn (default: 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")


def run(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    quiet_lightning()
    about = describe_machine(options.device)
    print("\n".join(f"{key}: {value}" for key, value in about.items()), end="\n\n", flush=True)
    print("| case | off, s | on, s | computing, on to off | clock, on to off |\n|" + " --- |" * 5)
    rows = []
    for case in options.cases:
        row = _measure(case, options)
        rows.append(row)
        on, off = row["on"], row["off"]
        ratios = [on[kind] / off[kind] for kind in ("computing", "clock")]
        print(
            f"| {case} | {off['clock']:.1f} | {on['clock']:.1f} | {ratios[0]:.3f} | {ratios[1]:.3f} |",
            flush=True,
        )
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": about, "rows": rows}, indent=2) + "\n", "utf-8")


def _measure(case: str, options: argparse.Namespace) -> dict[str, Any]:
    accelerator = "gpu" if options.device == "cuda" else "cpu"
    sides = {"off": OFF, "on": []}
    times: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for _ in range(options.repeats):
        for side, overrides in sides.items():
            times[side].append(_train([*CASES[case], *overrides, f"trainer.accelerator={accelerator}"]))
    return {"case": case} | {
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

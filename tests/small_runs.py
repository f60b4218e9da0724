"""Configurations of runs that take less than a second."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from seqtrain.config import compose_config

if TYPE_CHECKING:
    from seqtrain.training.learner import SequenceLearner

ROOT = Path(__file__).parents[1]


def compose_small(run_dir: Path, treebank: Path, *overrides: str, task: str = "digits") -> DictConfig:
    return compose_config([*small_overrides(task, treebank), f"run_dir={run_dir}", *overrides])


def small_overrides(task: str, treebank: Path) -> list[str]:
    """The overrides of a run of two short epochs."""
    shared = [
        "trainer.max_epochs=2",
        "trainer.log_every_n_steps=2",
        "callbacks.hidden_states.every_n_steps=4",
    ]
    if task == "digits":
        return [*shared, "model.hidden_size=16", "data.batch_size=32", "trainer.limit_train_batches=6"]
    if task == "language_model":
        return [
            *shared,
            "task=language_model",
            "model.hidden_size=16",
            "encoder.size=8",
            "data.batch_size=8",
            "data.steps=12",
            "trainer.limit_train_batches=6",
            "trainer.limit_val_batches=2",
            "trainer.limit_test_batches=2",
        ]
    encoder = {"word_size": 12, "character_size": 6, "character_hidden_size": 5}
    return [
        *shared,
        "task=pos",
        f"data.path={treebank}",
        "model.hidden_size=12",
        *(f"encoder.{key}={value}" for key, value in encoder.items()),
    ]


def start_sweep(*overrides: str, **options: Any) -> subprocess.Popen[str]:
    """`python -m seqtrain -m` with small runs on digits, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    small = [*small_overrides("digits", Path()), "data_dir=none", "logger=none"]
    command = [sys.executable, "-m", "seqtrain", "-m", *small, *overrides]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, text=True, stdout=pipe, stderr=pipe, **options)


def finish_sweep(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What a sweep prints until it is done."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out, err


def without_times(metrics: dict[str, float]) -> dict[str, float]:
    """Metrics without those that differ from run to run."""
    return {name: value for name, value in metrics.items() if "second" not in name}


def splits_only(metrics: dict[str, float]) -> dict[str, float]:
    """Metrics of a split, without the costs of the run."""
    return {name: value for name, value in metrics.items() if "/" in name}


def metrics_of(pattern: str = "runs/sweeps/*/*") -> dict[str, dict[str, float]]:
    """The metrics of each finished job, without times, by the name of its folder."""
    return {
        path.parent.name: without_times(json.loads(path.read_text()))
        for path in sorted(Path.cwd().glob(f"{pattern}/metrics.json"))
    }


def load_learner(cfg: DictConfig, checkpoint: Path) -> SequenceLearner:
    """A learner with the weights of a checkpoint, sized by the DataSpec stored there."""
    from seqtrain.training.build import build_learner
    from seqtrain.training.checkpoint import load_weights, read_weights

    weights = read_weights(checkpoint)
    learner = build_learner(cfg, weights.spec)
    load_weights(learner, weights)
    return learner

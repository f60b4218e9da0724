"""Small trainings that are interrupted, and what two runs have in common."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from small_runs import without_times
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from seqtrain.runs.folder import RunFolder
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.train import train

EPOCHS, STEPS = 3, 6  # of every training here; 18 steps in all

# Dropout in all places, so that random numbers matter; a schedule that never stands still.
LIVELY = (f"trainer.max_epochs={EPOCHS}", f"trainer.limit_train_batches={STEPS}", "model=bilstm")
LIVELY += ("model.num_layers=2", "model.dropout=0.3", "head.dropout=0.2", "schedule=one_cycle")


class Disturbance(pl.Callback):
    """Does something when a step begins: the number-th of this process."""

    def __init__(self, number: int, action: Callable[[], object]) -> None:
        self.left, self.action = number, action

    def on_train_batch_start(self, *_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.action()


class CrashError(RuntimeError):
    """Stands for whatever ends a process."""


def crash() -> None:
    raise CrashError


def run(cfg: DictConfig) -> dict[str, float]:
    return train(cfg, RunFolder(cfg.run_dir))


def trained(cfg: DictConfig) -> RunFolder:
    folder = RunFolder(cfg.run_dir)
    train(cfg, folder)
    return folder


def raise_signal(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def checkpoint(cfg: DictConfig, name: str = "last") -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(
        RunFolder(cfg.run_dir).path / "checkpoints" / f"{name}.ckpt", weights_only=True
    )
    return loaded


def differences(left: Any, right: Any, path: str = "") -> list[str]:
    """Where two checkpoints differ, apart from the time that they took."""
    if path.endswith("seconds"):
        return []
    if isinstance(left, dict) and left.keys() == right.keys():
        return [each for key in left for each in differences(left[key], right[key], f"{path}/{key}")]
    if isinstance(left, (list, tuple)) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [each for place, (a, b) in pairs for each in differences(a, b, f"{path}[{place}]")]
    same = torch.equal(left, right) if isinstance(left, Tensor) else left == right
    return [] if same else [path]


def events(folder: Path) -> tuple[dict[tuple[str, int], float], dict[tuple[str, int], Any]]:
    """Scalars and histograms by tag and step."""
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    reader.Reload()
    scalars = {(tag, e.step): e.value for tag in reader.Tags()["scalars"] for e in reader.Scalars(tag)}
    histograms = {
        (tag, e.step): e.histogram_value
        for tag in reader.Tags()["histograms"]
        for e in reader.Histograms(tag)
    }
    return scalars, histograms


def assert_same_run(left: DictConfig, right: DictConfig) -> None:
    assert differences(checkpoint(left), checkpoint(right)) == []
    assert differences(checkpoint(left, "best"), checkpoint(right, "best")) == []
    metrics = [json.loads((Path(cfg.run_dir) / "metrics.json").read_text()) for cfg in (left, right)]
    assert [each["seconds"] > 0 for each in metrics] == [True, True]
    assert without_times(metrics[0]) == without_times(metrics[1])
    for part in ("", "validation"):
        assert events(Path(left.run_dir) / part) == events(Path(right.run_dir) / part)


@contextmanager
def at_step(number: int, action: Callable[[], object]) -> Iterator[None]:
    """Do something at the number-th training step."""
    step, left = SequenceLearner.training_step, iter(range(number - 1, -1, -1))

    def disturbed(self: SequenceLearner, batch: Any, batch_idx: int) -> Any:
        if next(left, None) == 0:
            action()
        return step(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SequenceLearner, "training_step", disturbed)
        yield


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)

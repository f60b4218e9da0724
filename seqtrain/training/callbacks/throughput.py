"""How long training and evaluation take, and how much data they process in that time."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl

from seqtrain.training.telemetry.steps import step_output


class Throughput(pl.Callback):
    """Measures the wall-clock time of training and counts the valid positions trained on.

    Validation and checkpoints are part of the time. Both numbers are kept in checkpoints, so that they cover
    every attempt of an interrupted run up to its last checkpoint.
    """

    def __init__(self) -> None:
        self._started_at: float | None = None
        self._earlier_seconds = 0.0
        self._num_trained: int | None = 0  # None: resumed from a version that did not count

    @property
    def seconds(self) -> float:
        """Wall-clock time of the training so far."""
        if self._started_at is None:
            return self._earlier_seconds
        return self._earlier_seconds + time.monotonic() - self._started_at

    def per_second(self, num_processes: int) -> float | None:
        """Valid positions per second over all processes, which train on equal shares of the data."""
        if self._num_trained is None or self.seconds == 0:
            return None
        return self._num_trained * num_processes / self.seconds

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "num_trained": self._num_trained}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._earlier_seconds = state_dict["seconds"]
        self._num_trained = state_dict["num_trained"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started_at = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._num_trained is not None:
            self._num_trained += step_output(outputs).num_valid

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._earlier_seconds, self._started_at = self.seconds, None


class EvaluationThroughput(pl.Callback):
    """Measures the wall-clock time of a pass over the test split and counts its valid positions."""

    def __init__(self) -> None:
        self._started_at = 0.0
        self._num_valid = 0
        self.per_second: float | None = None  # valid positions; None before a pass has ended

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started_at, self._num_valid = time.monotonic(), 0

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._num_valid += step_output(outputs).num_valid

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        seconds = time.monotonic() - self._started_at
        self.per_second = self._num_valid / seconds if self._num_valid and seconds else None

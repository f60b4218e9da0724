"""What a training reports while it runs: its progress on the terminal, its metric, its speed."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from torch import Tensor
from tqdm import tqdm

from seqtrain.training.callbacks.checkpoints import BestCheckpoint
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.steps import step_output

log = logging.getLogger("seqtrain")

SECONDS_PER_LINE = 30.0  # within an epoch, where there is no bar


class ProgressBar(pl.callbacks.ProgressBar):
    """Prints a line at the end of every epoch, and on a terminal draws a bar while it lasts.

    Without a terminal a long epoch has a line from time to time. The loss is the mean over the valid
    positions of the epoch so far; after it comes the leading metric, marked where it beats all before.

    Args:
        refresh_rate: batches between two updates of the bar.
    """

    def __init__(self, refresh_rate: int) -> None:
        super().__init__()
        self.refresh_rate = refresh_rate
        self._bar: tqdm[Any] | None = None
        self._loss_sum: Tensor | float = 0.0
        self._num_valid = 0
        self._epoch_start: float | None = None
        self._said_at = 0.0

    def disable(self) -> None:
        self.refresh_rate = 0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self._epoch_start is not None:
            return  # on_train_epoch_start is not called for an epoch that is resumed midway
        self._epoch_start = self._said_at = time.monotonic()
        if self.refresh_rate and sys.stderr.isatty() and trainer.is_global_zero:
            self._bar = tqdm(
                total=int(self.total_train_batches),
                initial=batch_idx,
                desc=_epoch(trainer),
                leave=False,
                dynamic_ncols=True,
            )

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        output = step_output(outputs)
        self._loss_sum = self._loss_sum + output.loss_sum  # stays on the device
        self._num_valid += output.num_valid
        if self._bar is not None and (batch_idx + 1) % self.refresh_rate == 0:
            self._bar.n = batch_idx + 1
            self._bar.set_postfix_str(self._results(trainer))
        elif self._bar is None and self.refresh_rate and time.monotonic() - self._said_at > SECONDS_PER_LINE:
            self._said_at = time.monotonic()
            batches = f"batch {batch_idx + 1:,} of {self.total_train_batches:,}"
            log.info("%s  %s  %s", _epoch(trainer), batches, self._results(trainer))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._close()
        seconds = time.monotonic() - (self._epoch_start or time.monotonic())
        best = "  best so far" if _is_best(trainer) else ""
        log.info("%s  %s  %.1f s%s", _epoch(trainer), self._results(trainer), seconds, best)
        self._epoch_start, self._loss_sum, self._num_valid = None, 0.0, 0

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._close()

    def state_dict(self) -> dict[str, Any]:
        """The sums over the epoch so far."""
        return {"loss_sum": float(self._loss_sum), "num_valid": self._num_valid}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._loss_sum, self._num_valid = state_dict["loss_sum"], state_dict["num_valid"]

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _results(self, trainer: pl.Trainer) -> str:
        assert isinstance(trainer.lightning_module, SequenceLearner)
        monitor = trainer.lightning_module.task.monitor
        results = f"loss {float(self._loss_sum) / max(self._num_valid, 1):.4f}"
        if monitor in trainer.callback_metrics:
            results += f"  {monitor} {float(trainer.callback_metrics[monitor]):.4f}"
        return results


def _epoch(trainer: pl.Trainer) -> str:
    number = trainer.current_epoch + 1
    if trainer.max_epochs in (None, -1):
        return f"epoch {number}"
    return f"epoch {number:{len(str(trainer.max_epochs))}}/{trainer.max_epochs}"


def _is_best(trainer: pl.Trainer) -> bool:
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return any(
        isinstance(c, BestCheckpoint) and c.first_epoch == trainer.current_epoch + 1 for c in callbacks
    )


class EpochReport(pl.Callback):
    """Calls `report` with the epoch and the metric; where it returns True, the training ends as if complete.

    The run then has a best checkpoint and metrics like any other.

    Args:
        monitor: name of the metric.
        report: called with the epoch, counted from 0, and the metric's value.
    """

    def __init__(self, monitor: str, report: Callable[[int, float], bool]) -> None:
        self.monitor = monitor
        self.report = report

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        value = trainer.callback_metrics.get(self.monitor)
        if value is not None and self.report(trainer.current_epoch, float(value)):
            trainer.should_stop = True


class Throughput(pl.Callback):
    """Measures the wall-clock and the processor time of a training, and counts its valid positions.

    Validation and checkpoints are part of the time. The numbers are kept in checkpoints, so that they cover
    every attempt of an interrupted run up to its last checkpoint. The processor's time is that of all threads
    of this process.
    """

    def __init__(self) -> None:
        self._started_at: tuple[float, float] | None = None  # wall-clock, processor
        self._earlier: tuple[float, float | None] = (0.0, 0.0)
        self._num_trained: int | None = 0  # None: resumed from a version that did not count

    @property
    def seconds(self) -> float:
        """Wall-clock time of the training so far."""
        return self._earlier[0] + (
            0.0 if self._started_at is None else time.monotonic() - self._started_at[0]
        )

    @property
    def cpu_seconds(self) -> float | None:
        """The processor's time so far; None: resumed from a version that did not measure it."""
        if self._earlier[1] is None or self._started_at is None:
            return self._earlier[1]
        return self._earlier[1] + time.process_time() - self._started_at[1]

    def per_second(self, num_processes: int) -> float | None:
        """Valid positions per second over all processes, which train on equal shares of the data."""
        if self._num_trained is None or self.seconds == 0:
            return None
        return self._num_trained * num_processes / self.seconds

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds, "num_trained": self._num_trained}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._earlier = state_dict["seconds"], state_dict.get("cpu_seconds")
        self._num_trained = state_dict["num_trained"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started_at = time.monotonic(), time.process_time()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._num_trained is not None:
            self._num_trained += step_output(outputs).num_valid

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._earlier, self._started_at = (self.seconds, self.cpu_seconds), None


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

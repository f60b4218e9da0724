"""How far a training is."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import pytorch_lightning as pl
from tqdm import tqdm

from seqtrain.telemetry.steps import step_output
from seqtrain.training.learner import SequenceLearner

log = logging.getLogger("seqtrain")


class ProgressBar(pl.callbacks.ProgressBar):
    """A bar with the loss and the leading metric on a terminal; elsewhere one line an epoch.

    Args:
        refresh_rate: steps between two drawings.
    """

    def __init__(self, refresh_rate: int) -> None:
        super().__init__()
        self.refresh_rate = refresh_rate
        self._bar: tqdm[Any] | None = None
        self._loss = float("nan")
        self._epoch_start: float | None = None

    def disable(self) -> None:
        self.refresh_rate = 0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self._epoch_start is not None:
            return  # an epoch that is resumed in its middle has no start of its own
        self._epoch_start = time.monotonic()
        if self.refresh_rate and sys.stderr.isatty() and trainer.is_global_zero:
            epochs = trainer.max_epochs
            self._bar = tqdm(
                total=int(self.total_train_batches),
                initial=batch_idx,
                desc=f"epoch {trainer.current_epoch + 1}/{epochs}",
                leave=False,
                dynamic_ncols=True,
            )

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        done = batch_idx + 1
        last = done == self.total_train_batches
        if last or (self.refresh_rate and done % self.refresh_rate == 0 and self._bar is not None):
            output = step_output(outputs)
            self._loss = float(output.loss_sum) / output.num_valid
            if self._bar is not None:
                self._bar.n = done
                self._bar.set_postfix(self._shown(trainer))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._close()
        shown = "  ".join(f"{name} {value}" for name, value in self._shown(trainer).items())
        seconds = time.monotonic() - (self._epoch_start or time.monotonic())
        self._epoch_start = None
        log.info("epoch %d/%s  %s  %.1f s", trainer.current_epoch + 1, trainer.max_epochs, shown, seconds)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _shown(self, trainer: pl.Trainer) -> dict[str, str]:
        assert isinstance(trainer.lightning_module, SequenceLearner)
        monitor = trainer.lightning_module.task.monitor
        shown = {"loss": f"{self._loss:.4f}"}
        if monitor in trainer.callback_metrics:
            shown[monitor] = f"{float(trainer.callback_metrics[monitor]):.4f}"
        return shown

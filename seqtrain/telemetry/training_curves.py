"""The curves of training."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from seqtrain.telemetry.steps import has_stepped, step_output


class TrainingCurves(pl.Callback):
    """Logs `train/loss`, the mean over valid positions since the point before, and the step's learning rate.

    The trainer's `log_every_n_steps` sets how often. Sums stay on the device in between.
    """

    def __init__(self) -> None:
        self._loss_sum: Any = 0.0
        self._count = 0
        self._rate = 0.0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._rate = trainer.optimizers[0].param_groups[0]["lr"]  # at the end it is the next step's

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        output = step_output(outputs)
        self._loss_sum = self._loss_sum + output.loss_sum
        self._count += output.num_valid
        if not has_stepped(trainer, batch_idx):
            return
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if trainer.global_step % every == 0 or trainer.is_last_batch:
            metrics = {"train/loss": float(self._loss_sum) / self._count, "train/learning_rate": self._rate}
            for logger in trainer.loggers:
                logger.log_metrics(metrics, step=trainer.global_step)
            self._loss_sum, self._count = 0.0, 0

    def state_dict(self) -> dict[str, Any]:
        """What has been summed since the last point."""
        return {"loss_sum": float(self._loss_sum), "count": self._count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._loss_sum, self._count = state_dict["loss_sum"], state_dict["count"]

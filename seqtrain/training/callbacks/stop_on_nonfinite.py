"""Stop a training that has diverged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from seqtrain.errors import RunError
from seqtrain.training.telemetry.steps import has_stepped, step_output

ADVICE = (
    "Try a lower optimizer.lr, a lower trainer.gradient_clip_val, or trainer.precision=32-true; "
    "trainer.detect_anomaly=true names the operation. callbacks.nonfinite=null trains on regardless."
)


class StopOnNonfinite(pl.Callback):
    """Fails the run when a loss, a weight or a metric is nan or infinite.

    On the CPU the loss is checked after every step. On a GPU this would synchronize the device, so losses are
    summed there and checked every `log_every_n_steps` of the trainer and at the end of an epoch. A gradient
    that is not finite shows in the weights, which are checked before a checkpoint is written: no checkpoint
    ever holds such weights.
    """

    def __init__(self) -> None:
        self._loss_sum: Tensor | None = None  # since the last check
        self._checked_at = 0  # the last step whose loss was finite

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._checked_at = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss_sum = step_output(outputs).loss_sum
        self._loss_sum = loss_sum if self._loss_sum is None else self._loss_sum + loss_sum
        step = trainer.global_step + (not has_stepped(trainer, batch_idx))
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if pl_module.device.type == "cpu" or trainer.is_last_batch or step % every == 0:
            self._check_loss(step, float(self._loss_sum))
            self._loss_sum = None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.check_metrics(trainer.callback_metrics, f"after step {trainer.global_step}")

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        for name, weight in checkpoint["state_dict"].items():
            if not torch.isfinite(weight).all():
                weight_name = name.removeprefix("network.")
                raise RunError(
                    f"The weight {weight_name} is not finite after step {trainer.global_step}: its gradient "
                    f"was infinite or nan. {ADVICE}"
                )

    def check_metrics(self, metrics: Mapping[str, Any], when: str) -> None:
        """Fail where a metric is nan or infinite.

        Raises:
            RunError: with the metric, and what to try.
        """
        for name, value in metrics.items():
            if not math.isfinite(float(value)):
                raise RunError(f"{name} is {float(value)} {when}. {ADVICE}")

    def _check_loss(self, step: int, loss_sum: float) -> None:
        if not math.isfinite(loss_sum):
            first = self._checked_at + 1
            steps = f"step {step}" if first >= step else f"steps {first} to {step}"
            raise RunError(f"The training loss is {loss_sum} in {steps}. {ADVICE}")
        self._checked_at = step

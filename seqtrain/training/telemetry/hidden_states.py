"""Statistics of the final states, logged during training and validation."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from seqtrain.analysis.final_states import FinalStateStatistics
from seqtrain.training.telemetry.sink import sink_of
from seqtrain.training.telemetry.steps import has_stepped, is_due, step_output


class HiddenStateTelemetry(pl.Callback):
    """Statistics of h_n and c_n, per layer and direction, at each sequence's true last step.

    Those of training cover one batch, those of validation the whole split. Both have the same tags, so that
    TensorBoard shows them in one chart.

    Args:
        every_n_steps: optimizer steps between two measurements; in validation at least as many, and the
            first validation and that of the last epoch are always measured.
    """

    def __init__(self, every_n_steps: int) -> None:
        self.every_n_steps = every_n_steps
        self._validation: FinalStateStatistics | None = None
        self._last_step: int | None = None  # of a measurement in validation

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not has_stepped(trainer, batch_idx) or (trainer.global_step - 1) % self.every_n_steps != 0:
            return
        statistics = FinalStateStatistics()
        statistics.update(step_output(outputs))
        scalars, histograms = statistics.compute()
        sink = sink_of(trainer)
        sink.scalars(scalars, trainer.global_step)
        sink.histograms(histograms, trainer.global_step)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        is_measured = is_due(trainer, self._last_step, self.every_n_steps)
        self._validation = FinalStateStatistics(over_split=True) if is_measured else None

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self._validation is not None:
            self._validation.update(step_output(outputs))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or self._validation is None:
            return
        scalars, histograms = self._validation.compute()
        sink = sink_of(trainer)
        sink.scalars(scalars, trainer.global_step, validation=True)
        sink.histograms(histograms, trainer.global_step, validation=True)
        self._last_step = trainer.global_step

    def state_dict(self) -> dict[str, Any]:
        return {"last_step": self._last_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._last_step = state_dict["last_step"]

"""The checkpoint with the best value of the leading metric."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn

from seqtrain.config import ConfigError
from seqtrain.training.checkpoint_io import WEIGHTS_ONLY


class BestCheckpoint(pl.callbacks.Checkpoint):
    """Writes `best.ckpt` after each validation that no earlier one beats.

    Of equal ones the last is kept: on a small dev part ties are frequent, and later weights have been trained
    at a lower learning rate. The file holds weights only: a run resumes from `last.ckpt`.

    Args:
        path: of the file.
        monitor: the metric to compare, such as `val/accuracy`.
        mode: `max` if higher is better, else `min`.
    """

    def __init__(self, path: str, monitor: str, mode: str) -> None:
        self.path = Path(path)
        self.monitor = monitor
        self.mode = mode
        self.score: float | None = None
        self.epoch: int | None = None  # counted from 1

    def is_best(self, score: float) -> bool:
        """Whether no earlier score is better than `score`; nan is never the best."""
        if self.score is None:
            return score == score
        return score >= self.score if self.mode == "max" else score <= self.score

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        score = self._monitored(trainer)
        if self.is_best(score):
            self.score, self.epoch = score, trainer.current_epoch + 1
            trainer.save_checkpoint(self.path, storage_options=WEIGHTS_ONLY)

    def state_dict(self) -> dict[str, Any]:
        return {"score": self.score, "epoch": self.epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue to compare with the best score so far, if its weights are here."""
        if self.path.exists():
            self.score, self.epoch = state_dict["score"], state_dict["epoch"]

    def _monitored(self, trainer: pl.Trainer) -> float:
        metrics = trainer.callback_metrics
        if self.monitor not in metrics:
            raise ConfigError(
                [f"task.monitor: there is no metric {self.monitor}; there are {', '.join(sorted(metrics))}"]
            )
        return float(metrics[self.monitor])

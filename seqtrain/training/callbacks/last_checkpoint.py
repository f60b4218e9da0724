"""The checkpoint from which an interrupted run goes on."""

from __future__ import annotations

import logging
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch

from seqtrain.telemetry.steps import has_stepped, step_output

log = logging.getLogger("seqtrain")


class LastCheckpoint(pl.callbacks.Checkpoint):
    """Keeps `last.ckpt`, from which a run that was interrupted goes on with the same numbers; and its clock.

    It is written at the end of every epoch, every few minutes within one, and after the step in progress
    when SIGINT (Ctrl-C) or SIGTERM asks the run to stop; where that is an epoch's last step, after the
    validation that follows. A file is replaced in one move, so that a kill in the middle of writing leaves
    the one before.

    The trainer calls a Checkpoint's hooks after those of all other callbacks: their sums, the best metric
    and the decision to stop early are up to date in what is saved.

    Args:
        path: of the file.
        every_minutes: between two checkpoints within an epoch.
    """

    def __init__(self, path: str, every_minutes: float) -> None:
        self.path = Path(path)
        self.every_minutes = every_minutes
        self._saved_at = self._started_at = time.monotonic()
        self._earlier_seconds = 0.0
        # Valid positions that this process trained on; None where an earlier version did not count them.
        self.num_trained: int | None = 0
        self._trainer: pl.Trainer | None = None
        self._resumed: dict[str, Any] | None = None
        self._signal: int | None = None

    @property
    def seconds(self) -> float:
        """Wall-clock time of the training, that of interrupted attempts up to their checkpoint included."""
        return self._earlier_seconds + time.monotonic() - self._started_at

    def state_dict(self) -> dict[str, Any]:
        """The state of the random numbers, which dropout goes on from, and what else Lightning forgets.

        That is early stopping's decision, and the place in the data: it restores that of a loader only where
        no learner asked for the number of steps, as ours does for its schedule.
        """
        assert self._trainer is not None
        loader: Any = self._trainer.train_dataloader
        state = {
            "seconds": self.seconds,
            "num_trained": self.num_trained,
            "should_stop": self._trainer.should_stop,
            "batches": loader.state_dict() if hasattr(loader, "state_dict") else None,
            "random_cpu": torch.get_rng_state(),
        }
        if torch.cuda.is_available():
            state["random_cuda"] = torch.cuda.get_rng_state()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._resumed = state_dict
        self._earlier_seconds = state_dict["seconds"]
        self.num_trained = state_dict.get("num_trained")

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._trainer = trainer

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            # Here, since the trainer has set its own by now; it puts back those from before when it is done.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._ask_to_stop)
        self._saved_at = self._started_at = time.monotonic()
        if self._resumed is None:
            return
        trainer.should_stop = self._resumed["should_stop"]
        if self._resumed["batches"] is not None:
            loader: Any = trainer.train_dataloader
            loader.load_state_dict(self._resumed["batches"])
        torch.set_rng_state(self._resumed["random_cpu"].cpu())
        if "random_cuda" in self._resumed and torch.cuda.is_available():
            torch.cuda.set_rng_state(self._resumed["random_cuda"].cpu())

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.num_trained is not None:
            self.num_trained += step_output(outputs).num_valid
        if trainer.is_last_batch or not has_stepped(trainer, batch_idx):
            return  # the epoch's end saves soon; and gradients in the making are in no checkpoint
        if self._signal is not None:
            self._save(trainer)
            raise KeyboardInterrupt
        if time.monotonic() - self._saved_at > 60 * self.every_minutes:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._save(trainer)
        if self._signal is not None:
            raise KeyboardInterrupt

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None:
            raise KeyboardInterrupt  # asked twice: stop at once
        self._signal = number
        log.info("Stopping after this step; once more to stop at once.")

    def _save(self, trainer: pl.Trainer) -> None:
        partial = self.path.with_suffix(".partial")
        trainer.save_checkpoint(partial)
        if trainer.is_global_zero:
            partial.replace(self.path)
        self._saved_at = time.monotonic()

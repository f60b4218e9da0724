"""The checkpoint from which an interrupted run resumes."""

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
from torch import Tensor

from seqtrain.training.telemetry.steps import has_stepped

log = logging.getLogger("seqtrain")

GO_ON, SAVE, STOP = range(3)  # what a process wishes to do after a step; to stop is to save first


class LastCheckpoint(pl.callbacks.Checkpoint):
    """Writes `last.ckpt`, from which an interrupted run resumes with the numbers it would have had.

    It is written at the end of every epoch, every few minutes within one, and when SIGINT (Ctrl-C) or SIGTERM
    asks the run to stop: after the current step, or if that ends an epoch, after its validation.

    The trainer calls the hooks of a Checkpoint after those of all other callbacks, so that their sums, the
    best metric and the decision to stop early are up to date in the file.

    Processes that train together write it after the same step: the first one's clock counts, and a signal to
    any of them stops all. On the CPU they agree after every step; on GPUs, which this synchronizes, every
    `log_every_n_steps` of the trainer.

    Args:
        path: of the file.
        every_minutes: time between two checkpoints within an epoch.
    """

    def __init__(self, path: str, every_minutes: float) -> None:
        self.path = Path(path)
        self.every_minutes = every_minutes
        self._saved_at = time.monotonic()
        self._trainer: pl.Trainer | None = None
        self._resumed: dict[str, Any] | None = None
        self._signal: int | None = None

    def state_dict(self) -> dict[str, Any]:
        """What Lightning does not save: the random number generators, and the decision to stop early.

        Nor does it restore the position in the data if the learner has asked for the number of steps before,
        as ours does for its learning-rate schedule.
        """
        assert self._trainer is not None
        loader: Any = self._trainer.train_dataloader
        state = {
            "should_stop": self._trainer.should_stop,
            "batches": loader.state_dict() if hasattr(loader, "state_dict") else None,
            "random_cpu": _of_each_process(self._trainer, torch.get_rng_state()),
        }
        if torch.cuda.is_available():
            state["random_cuda"] = _of_each_process(self._trainer, torch.cuda.get_rng_state())
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._resumed = state_dict

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._trainer = trainer

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            # Not earlier: the trainer installs its own first, and restores the original ones at the end.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._ask_to_stop)
        self._saved_at = time.monotonic()
        if self._resumed is None:
            return
        trainer.should_stop = self._resumed["should_stop"]
        if self._resumed["batches"] is not None:
            loader: Any = trainer.train_dataloader
            loader.load_state_dict(self._resumed["batches"])
        torch.set_rng_state(_own(trainer, self._resumed["random_cpu"]))
        if "random_cuda" in self._resumed and torch.cuda.is_available():
            torch.cuda.set_rng_state(_own(trainer, self._resumed["random_cuda"]))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.is_last_batch or not has_stepped(trainer, batch_idx):
            return  # saved at the end of the epoch; accumulated gradients are not checkpointed
        wish = _largest(trainer, self._wish(trainer)) if _may_agree(trainer) else GO_ON
        if wish >= SAVE:
            self._save(trainer)
        if wish == STOP:
            raise KeyboardInterrupt

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._save(trainer)
        if _largest(trainer, self._wish(trainer)) == STOP:
            raise KeyboardInterrupt

    def _wish(self, trainer: pl.Trainer) -> int:
        """What this process would do after this step."""
        if self._signal is not None:
            return STOP
        is_late = time.monotonic() - self._saved_at > 60 * self.every_minutes
        return SAVE if is_late and trainer.is_global_zero else GO_ON

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None:
            raise KeyboardInterrupt  # the second signal stops at once
        self._signal = number
        log.info("Stopping after this step; interrupt again to stop at once.")

    def _save(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._saved_at = time.monotonic()


def _may_agree(trainer: pl.Trainer) -> bool:
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    is_cheap = trainer.world_size == 1 or trainer.strategy.root_device.type == "cpu"
    return is_cheap or trainer.global_step % every == 0


def _largest(trainer: pl.Trainer, wish: int) -> int:
    """The largest wish of all processes: one that saved alone would wait for the others forever."""
    if trainer.world_size == 1:
        return wish
    largest = trainer.strategy.reduce(
        torch.tensor(wish, device=trainer.strategy.root_device), reduce_op="max"
    )
    return int(largest)


def _of_each_process(trainer: pl.Trainer, state: Tensor) -> Tensor | list[Tensor]:
    """The states of all processes, which draw different numbers; of a single one the state itself."""
    if trainer.world_size == 1:
        return state
    states: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(states, state)
    return states


def _own(trainer: pl.Trainer, states: Tensor | list[Tensor]) -> Tensor:
    """This process's state; that of the first where the checkpoint has fewer."""
    if isinstance(states, Tensor):
        return states.cpu()
    return states[trainer.global_rank if trainer.global_rank < len(states) else 0].cpu()

"""The checkpoints that a training writes: the best, and the last, from which an interrupted run resumes."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, cast

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO
from pytorch_lightning.trainer.states import TrainerFn

from seqtrain.config import ConfigError
from seqtrain.tasks.task import Task
from seqtrain.training.checkpoint import read_checkpoint, weights_of, write_checkpoint
from seqtrain.training.steps import has_stepped

WEIGHTS_ONLY = {"weights_only": True}  # a storage option of `Trainer.save_checkpoint`

# What resuming needs; the rest of a file is ignored, such as names of classes that Lightning would import.
RESUMED = {
    *("state_dict", "spec", "epoch", "global_step", "pytorch-lightning_version"),
    *("loops", "callbacks", "optimizer_states", "lr_schedulers"),
    *("current_model_state", "averaging_state"),  # of averaged weights
    *("MixedPrecision", "native_amp_scaling_state"),
}
PATHS = ("dirpath", "best_model_path", "kth_best_model_path", "last_model_path", "best_k_models")


class LocalCheckpointIO(CheckpointIO):
    """Writes local files atomically, and reads only what resuming needs.

    Lightning's default writes to a temporary folder, which may be on another filesystem, so that a kill can
    leave an empty file; and it trusts every path in a checkpoint.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        write_checkpoint(
            weights_of(checkpoint) if storage_options == WEIGHTS_ONLY else checkpoint, Path(path)
        )

    def load_checkpoint(
        self, path: str | Path, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        saved = read_checkpoint(Path(path))
        resumed = {key: value for key, value in saved.items() if key in RESUMED}
        resumed["callbacks"] = dict(_safe_states(saved.get("callbacks", {}), Path(path).parent))
        return resumed

    def remove_checkpoint(self, path: str | Path) -> None:
        Path(path).unlink(missing_ok=True)


def _safe_states(states: dict[str, Any], folder: Path) -> Iterator[tuple[str, Any]]:
    """The states of callbacks, without any that names a file outside of the checkpoint's folder.

    ModelCheckpoint deletes the files that its state names.
    """
    for key, state in states.items():
        if not key.startswith("ModelCheckpoint") or _stays_inside(state, folder):
            yield key, state
    last = states.get("LastCheckpoint", {})
    if "Throughput" not in states and "seconds" in last:  # written by version 0.1
        yield "Throughput", {"seconds": last["seconds"], "num_trained": last.get("num_trained")}


def _stays_inside(state: dict[str, Any], folder: Path) -> bool:
    named = [state.get(key) for key in PATHS]
    paths = [path for value in named for path in ([value] if isinstance(value, str) else value or [])]
    return all(Path(path).resolve().is_relative_to(folder.resolve()) for path in paths if path)


class BestCheckpoint(pl.callbacks.Checkpoint):
    """Writes `best.ckpt` after each validation that no earlier one beats.

    Of equal ones the last is kept: ties are frequent on small data, and later weights have been trained
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
        self.first_epoch: int | None = None  # that had this score

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
            if score != self.score:
                self.first_epoch = trainer.current_epoch + 1
            self.score, self.epoch = score, trainer.current_epoch + 1
            trainer.save_checkpoint(self.path, storage_options=WEIGHTS_ONLY)

    def state_dict(self) -> dict[str, Any]:
        return {"score": self.score, "epoch": self.epoch, "first_epoch": self.first_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue to compare with the best score so far, if its weights are here."""
        if self.path.exists():
            score, epoch = state_dict["score"], state_dict["epoch"]
            self.score = None if score is None else float(score)
            self.epoch = None if epoch is None else int(epoch)
            self.first_epoch = state_dict.get("first_epoch", self.epoch)

    def _monitored(self, trainer: pl.Trainer) -> float:
        metrics = trainer.callback_metrics
        if self.monitor not in metrics:
            raise ConfigError(
                [f"task.monitor: there is no metric {self.monitor}; there are {', '.join(sorted(metrics))}"]
            )
        return float(metrics[self.monitor])


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
            "task": _of_each_process(self._trainer, _task_of(self._trainer).state_dict()),
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
        torch.set_rng_state(_this_rank_state(trainer, self._resumed["random_cpu"]).cpu())
        if "random_cuda" in self._resumed and torch.cuda.is_available():
            torch.cuda.set_rng_state(_this_rank_state(trainer, self._resumed["random_cuda"]).cpu())
        if "task" in self._resumed:
            _task_of(trainer).load_state_dict(_this_rank_state(trainer, self._resumed["task"]))

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


def _task_of(trainer: pl.Trainer) -> Task:
    task: Task = cast(Any, trainer.lightning_module).task
    return task


def _of_each_process(trainer: pl.Trainer, state: Any) -> Any:
    """The states of all processes, as a list; of a single one the state itself."""
    if trainer.world_size == 1:
        return state
    states: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(states, state)
    return states


def _this_rank_state(trainer: pl.Trainer, states: Any) -> Any:
    """This process's state; that of the first where the checkpoint has fewer."""
    if not isinstance(states, list):
        return states
    return states[trainer.global_rank if trainer.global_rank < len(states) else 0]

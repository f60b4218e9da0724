"""Callbacks: the last checkpoint, the curves, the hidden states, the progress bar."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from seqtrain.learner import SequenceLearner
from seqtrain.telemetry import FinalStateStatistics, Histogram

log = logging.getLogger("seqtrain")


class LastCheckpoint(pl.callbacks.Checkpoint):
    """Keeps `last.ckpt`, from which a run that was interrupted goes on with the same numbers.

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
        if trainer.is_last_batch or not _has_stepped(trainer, batch_idx):
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
        self._loss_sum = self._loss_sum + outputs["loss_sum"]
        self._count += outputs["count"]
        if not _has_stepped(trainer, batch_idx):
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


class HiddenStateTelemetry(pl.Callback):
    """Statistics of h_n and c_n, per layer and direction, at each sequence's true last step.

    In training of one batch every `every_n_steps` steps, in validation of the whole split. Training goes to
    the run's own loggers; validation has the same tags and so a folder of its own, `validation`, beside them:
    TensorBoard shows the two in one chart.

    Args:
        every_n_steps: training steps between two looks.
    """

    def __init__(self, every_n_steps: int) -> None:
        self.every_n_steps = every_n_steps
        self._validation: FinalStateStatistics | None = None
        self._writer: SummaryWriter | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not _has_stepped(trainer, batch_idx) or (trainer.global_step - 1) % self.every_n_steps != 0:
            return
        statistics = FinalStateStatistics(_num_directions(pl_module))
        statistics.update(outputs["final_state"])
        scalars, histograms = statistics.compute()
        for logger in trainer.loggers:
            logger.log_metrics(scalars, step=trainer.global_step)
            if isinstance(logger, TensorBoardLogger):
                _write_histograms(logger.experiment, histograms, trainer.global_step)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._validation = FinalStateStatistics(_num_directions(pl_module))

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert self._validation is not None
        self._validation.update(outputs["final_state"])

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero or self._validation is None:
            return
        scalars, histograms = self._validation.compute()
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                if self._writer is None:
                    self._writer = SummaryWriter(Path(logger.log_dir) / "validation")
                for tag, value in scalars.items():
                    self._writer.add_scalar(tag, value, trainer.global_step)
                _write_histograms(self._writer, histograms, trainer.global_step)
                self._writer.flush()
            else:
                prefixed = {f"val/{tag}": value for tag, value in scalars.items()}
                logger.log_metrics(prefixed, step=trainer.global_step)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self.teardown(trainer, pl_module, "fit")

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _has_stepped(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether the optimizer moved after this batch, or its gradients wait for those of the next."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch


def _num_directions(pl_module: pl.LightningModule) -> int:
    assert isinstance(pl_module, SequenceLearner)
    backbone: Any = pl_module.network.backbone
    return int(backbone.num_directions)


def _write_histograms(writer: SummaryWriter, histograms: dict[str, Histogram], step: int) -> None:
    for tag, histogram in histograms.items():
        writer.add_histogram_raw(
            tag,
            min=histogram.minimum,
            max=histogram.maximum,
            num=histogram.num,
            sum=histogram.sum,
            sum_squares=histogram.sum_squares,
            # TensorBoard names a bin by its upper edge; the last one is open.
            bucket_limits=[*histogram.edges.tolist(), 1.7976931348623157e308],
            bucket_counts=histogram.counts.tolist(),
            global_step=step,
        )


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
            self._loss = float(outputs["loss_sum"]) / outputs["count"]
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

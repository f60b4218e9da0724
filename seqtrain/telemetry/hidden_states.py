"""Final states, watched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger
from torch.utils.tensorboard import SummaryWriter

from seqtrain.telemetry.final_states import FinalStateStatistics, Histogram
from seqtrain.telemetry.steps import has_stepped, step_output


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
        if not has_stepped(trainer, batch_idx) or (trainer.global_step - 1) % self.every_n_steps != 0:
            return
        statistics = FinalStateStatistics()
        statistics.update(step_output(outputs))
        scalars, histograms = statistics.compute()
        for logger in trainer.loggers:
            logger.log_metrics(scalars, step=trainer.global_step)
            if isinstance(logger, TensorBoardLogger):
                _write_histograms(logger.experiment, histograms, trainer.global_step)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._validation = FinalStateStatistics()

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
        self._validation.update(step_output(outputs))

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

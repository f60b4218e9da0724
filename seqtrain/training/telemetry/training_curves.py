"""The main curves of a training: loss, leading metric, learning rate and gradient norm."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.optim import Optimizer

from seqtrain.records import SequenceBatch
from seqtrain.training.telemetry.layout import layout_of
from seqtrain.training.telemetry.sink import sink_of
from seqtrain.training.telemetry.steps import has_stepped, step_output

# TensorBoard sorts charts by name: this group comes before those of the recurrence, in this order.
LOSS = "at a glance/1 loss"
METRIC = "at a glance/2 {}"
LEARNING_RATE = "at a glance/3 learning rate"
GRADIENT_NORM = "at a glance/4 gradient norm"


class TrainingCurves(pl.Callback):
    """Logs the training loss, the learning rate and the gradient norm, and the metrics of each validation.

    `train/loss` is the mean over the valid positions of all processes since the point before,
    `train/gradient_norm` the norm of all gradients together before they are clipped. The trainer's
    `log_every_n_steps` sets the distance between points; in between, sums stay on the device. TensorBoard
    gets the most important ones a second time, in a group that it shows first, with training and validation
    in one chart.

    Args:
        monitor: the leading metric, such as `val/accuracy`.
    """

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor
        self._loss_sum: Any = 0.0
        self._num_valid = 0
        self._learning_rate = 0.0
        self._gradient_norm = torch.tensor(0.0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        sink_of(trainer).layout(layout_of(pl_module))

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        # At the end of the batch it would be the learning rate of the next step.
        self._learning_rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        if _is_logged(trainer, trainer.global_step + 1):
            self._gradient_norm = _total_gradient_norm(optimizer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        output = step_output(outputs)
        self._loss_sum = self._loss_sum + output.loss_sum
        self._num_valid += output.num_valid
        if not has_stepped(trainer, batch_idx) or not _is_logged(trainer, trainer.global_step):
            return
        loss, norm = _mean_loss(trainer, self._loss_sum, self._num_valid), float(self._gradient_norm)
        sink, step = sink_of(trainer), trainer.global_step
        curves = {"train/loss": loss, "train/learning_rate": self._learning_rate, "train/gradient_norm": norm}
        sink.scalars(curves | _padding(batch), step)
        sink.charts({LOSS: loss, LEARNING_RATE: self._learning_rate, GRADIENT_NORM: norm}, step)
        self._loss_sum, self._num_valid = 0.0, 0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        metrics = {
            name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")
        }
        sink, step = sink_of(trainer), trainer.global_step
        sink.scalars(metrics, step)
        glance = {self.monitor: METRIC.format(self.monitor.split("/")[-1]), "val/loss": LOSS}
        charts = {tag: metrics[name] for name, tag in glance.items() if name in metrics}
        sink.charts(charts, step, validation=True)
        sink.flush()

    def state_dict(self) -> dict[str, Any]:
        """The sums since the last point."""
        return {"loss_sum": float(self._loss_sum), "count": self._num_valid}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._loss_sum, self._num_valid = state_dict["loss_sum"], state_dict["count"]


def _is_logged(trainer: pl.Trainer, step: int) -> bool:
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    return step % every == 0 or trainer.is_last_batch


def _mean_loss(trainer: pl.Trainer, loss_sum: Any, num_valid: int) -> float:
    """The loss per valid position of all processes that train together."""
    if trainer.world_size == 1:
        return float(loss_sum) / max(num_valid, 1)
    totals = torch.tensor([float(loss_sum), float(num_valid)], device=trainer.strategy.root_device)
    summed = trainer.strategy.reduce(totals, reduce_op="sum")
    assert isinstance(summed, Tensor)
    return float(summed[0] / summed[1])


def _padding(batch: SequenceBatch) -> dict[str, float]:
    """The share of a batch's positions that are padding; nothing where all sequences are equally long."""
    share = 1 - float(batch.lengths.sum()) / (len(batch.lengths) * int(batch.lengths.max()))
    return {"train/padding": share} if share > 0 else {}


def _total_gradient_norm(optimizer: Optimizer) -> Tensor:
    parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])

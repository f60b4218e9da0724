"""The learner: network, task and optimizer as one LightningModule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import Metric

from seqtrain.model.ensemble import Ensemble
from seqtrain.model.network import Network
from seqtrain.records import BackboneOutput, SequenceBatch
from seqtrain.runs.logs import is_of_baseline, is_of_each
from seqtrain.spec import DataSpec
from seqtrain.tasks.metrics import Metrics
from seqtrain.tasks.task import Task
from seqtrain.training.resumed import check_optimization, check_progress
from seqtrain.training.steps import (
    MeanOverPositions,
    accumulation_schedulers,
    count_steps,
    has_stepped,
    skip_unused_hooks,
    unscale_for_fused,
)

OptimizerBuilder = Callable[[Iterable[nn.Parameter]], Optimizer]
ScheduleBuilder = Callable[[Optimizer, int], LRScheduler]


class SequenceLearner(pl.LightningModule):
    """Trains and evaluates a network.

    Args:
        network: the network to train.
        task: computes the loss and the metrics.
        spec: of the data; saved in every checkpoint.
        build_optimizer: from parameters to an optimizer.
        build_schedule: from an optimizer and the number of optimizer steps to a learning-rate schedule, which
            is advanced at every step.
        metrics: in addition to the task's, by name.

    Raises:
        ConfigError: one of `metrics` cannot be computed, see `seqtrain.tasks.metrics`.
    """

    def __init__(
        self,
        network: Network | Ensemble,
        task: Task,
        spec: DataSpec,
        build_optimizer: OptimizerBuilder,
        build_schedule: ScheduleBuilder,
        metrics: Mapping[str, Metric] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.task = task
        self.spec = spec
        self.build_optimizer = build_optimizer
        self.build_schedule = build_schedule
        splits = {split: task.build_metrics(spec, metrics or {}) for split in ("val", "test")}
        splits["val"].further.check_head(network.head)
        self._metrics = nn.ModuleDict(splits)
        self._mean = MeanOverPositions()
        self._batch_idx = 0
        self.num_batches = 0  # that this process has trained on
        self._resumed: dict[str, Any] | None = None  # the checkpoint that is being resumed
        skip_unused_hooks(self)

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning keeps the name of the current hook here, 35 times a step, through the search of
        # torch.nn.Module for parameters: 80 us, 2.5 % of a step of the smallest example.
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def forward(self, batch: SequenceBatch) -> tuple[Tensor, tuple[BackboneOutput, ...]]:
        """Scores, and the output of each member's backbone."""
        scores, outputs = self.network(batch)
        return scores, outputs

    def training_step(self, batch: SequenceBatch, batch_idx: int) -> dict[str, Any]:
        self._batch_idx = batch_idx
        self.num_batches += 1
        loss, output = self.task.training_step(self.network, batch)
        # Lightning requires "loss" and differentiates it; callbacks read the output.
        return {"loss": self._weigh(loss, output.num_valid, batch_idx), "output": output}

    def _weigh(self, loss: Tensor, num_valid: int, batch_idx: int) -> Tensor:
        try:
            trainer = self.trainer
        except RuntimeError:  # there is none in a user's own loop
            return loss
        return self._mean.weight(loss, num_valid, trainer, batch_idx)

    # These two return a StepOutput, which Lightning's annotation does not allow for.
    def validation_step(self, batch: SequenceBatch, batch_idx: int) -> Any:
        return self.task.evaluation_step(self.network, batch, self.metrics("val"))

    def test_step(self, batch: SequenceBatch, batch_idx: int) -> Any:
        return self.task.evaluation_step(self.network, batch, self.metrics("test"))

    def on_validation_epoch_start(self) -> None:
        self.metrics("val").reset()

    def on_test_epoch_start(self) -> None:
        self.metrics("test").reset()

    def on_validation_epoch_end(self) -> None:
        self._log_metrics("val")

    def on_test_epoch_end(self) -> None:
        self._log_metrics("test")

    def metrics(self, split: str) -> Metrics:
        """The metrics of the last pass over `val` or `test`."""
        return cast(Metrics, self._metrics[split])

    def _log_metrics(self, split: str) -> None:
        metrics = {f"{split}/{name}": value for name, value in self.metrics(split).compute().items()}
        if self.trainer.state.fn == TrainerFn.FITTING:
            # Curves for every class, and those that never change, would bury the others.
            metrics = {k: v for k, v in metrics.items() if not (is_of_each(k) or is_of_baseline(k))}
        self.log_dict(metrics, logger=False, sync_dist=True)

    def on_train_start(self) -> None:
        # The callback itself waits for the start of an epoch, and this one may be resumed midway.
        for scheduler in accumulation_schedulers(self.trainer):
            self.trainer.accumulate_grad_batches = scheduler.get_accumulate_grad_batches(
                self.trainer.current_epoch
            )

    def on_after_backward(self) -> None:
        # Before the callbacks that look at the gradients of an optimizer step, and before clipping.
        if has_stepped(self.trainer, self._batch_idx):
            self._mean.correct_gradients(self.trainer)
            unscale_for_fused(self.trainer)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        # Lightning's own refuses fused optimizers in mixed precision, which in float16 unscale gradients in
        # their step, after clipping. Here nothing is left to unscale.
        if gradient_clip_val:
            precision = self.trainer.precision_plugin
            by_value = gradient_clip_algorithm == "value"
            clip = precision.clip_grad_by_value if by_value else precision.clip_grad_by_norm
            clip(optimizer, gradient_clip_val)

    def configure_optimizers(self) -> Any:
        optimizer = self.build_optimizer(p for p in self.parameters() if p.requires_grad)
        schedule = self.build_schedule(optimizer, count_steps(self.trainer))
        if self._resumed is not None:
            check_optimization(self._resumed, optimizer, schedule)
            self._resumed = None
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["spec"] = self.spec.to_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        check_progress(checkpoint, self.trainer)
        self._resumed = checkpoint
        # The position in a one-cycle schedule comes from the checkpoint, its length from this configuration,
        # which may ask for a longer training. Under another private name the phases would keep their length.
        for schedule in checkpoint.get("lr_schedulers", []):
            for key in ("total_steps", "_schedule_phases"):
                schedule.pop(key, None)

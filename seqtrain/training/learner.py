"""The learner: a network, a task and an optimizer as one LightningModule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from seqtrain.model.backbone import Backbone
from seqtrain.model.ensemble import Ensemble
from seqtrain.model.network import Head, Network
from seqtrain.records import DataSpec, FinalState, SequenceBatch, StepOutput
from seqtrain.training.task import Evaluation, Task

OptimizerBuilder = Callable[[Iterable[nn.Parameter]], Optimizer]
ScheduleBuilder = Callable[[Optimizer, int], LRScheduler]


class SequenceLearner(pl.LightningModule):
    """Trains and evaluates a network.

    Args:
        network: what learns.
        task: what counts, and which metric leads.
        spec: what the data promised; saved with every checkpoint.
        build_optimizer: parameters to optimizer.
        build_schedule: optimizer and number of steps to a schedule that moves at every step.
    """

    def __init__(
        self,
        network: Network | Ensemble,
        task: Task,
        spec: DataSpec,
        build_optimizer: OptimizerBuilder,
        build_schedule: ScheduleBuilder,
    ) -> None:
        super().__init__()
        self.network = network
        self.task = task
        self.spec = spec
        self.build_optimizer = build_optimizer
        self.build_schedule = build_schedule
        self.evaluations = nn.ModuleDict({"val": Evaluation(spec), "test": Evaluation(spec)})

    def forward(self, batch: SequenceBatch) -> tuple[Tensor, tuple[FinalState, ...]]:
        """Scores, and the final state of each member."""
        scores, final_states = self.network(batch)
        return scores, final_states

    def training_step(self, batch: SequenceBatch, batch_idx: int) -> dict[str, Any]:
        loss_sum, final_states = self.network.training_loss(batch)
        output = self._output(loss_sum, batch, final_states)
        # Lightning needs "loss", and divides it by the number of batches whose gradients are accumulated;
        # callbacks read the output.
        return {"loss": loss_sum / output.num_valid, "output": output}

    def on_validation_epoch_start(self) -> None:
        self.evaluation("val").reset()

    def on_test_epoch_start(self) -> None:
        self.evaluation("test").reset()

    # These two return a StepOutput, which Lightning's annotation does not allow for.
    def validation_step(self, batch: SequenceBatch, batch_idx: int) -> Any:
        return self._evaluation_step("val", batch)

    def test_step(self, batch: SequenceBatch, batch_idx: int) -> Any:
        return self._evaluation_step("test", batch)

    def on_validation_epoch_end(self) -> None:
        self._log_evaluation("val")

    def on_test_epoch_end(self) -> None:
        self._log_evaluation("test")

    def _evaluation_step(self, split: str, batch: SequenceBatch) -> StepOutput:
        scores, final_states = self.network(batch)
        loss_sum = self.network.loss_sum(scores, batch)
        answers = cast(Head, self.network.head).decode(scores, batch.lengths)
        self.evaluation(split).update(self.task, batch, loss_sum, answers)
        return self._output(loss_sum, batch, final_states)

    def _output(
        self, loss_sum: Tensor, batch: SequenceBatch, final_states: Sequence[FinalState]
    ) -> StepOutput:
        return StepOutput(
            loss_sum=loss_sum.detach(),
            num_valid=self.task.num_valid(batch),
            final_states=tuple(final_states),
            num_directions=cast(Backbone, self.network.backbone).num_directions,
        )

    def _log_evaluation(self, split: str) -> None:
        metrics = {f"{split}/{name}": value for name, value in self.evaluation(split).compute().items()}
        if self.trainer.state.fn == TrainerFn.FITTING:
            # A curve for every single class would bury the others; the table at the end has them.
            metrics = {name: value for name, value in metrics.items() if not name.startswith("val/f1/")}
        self.log_dict(metrics, logger=False, sync_dist=True)

    def evaluation(self, split: str) -> Evaluation:
        """The metrics of the last pass over `val` or `test`."""
        evaluation = self.evaluations[split]
        assert isinstance(evaluation, Evaluation)
        return evaluation

    def configure_optimizers(self) -> Any:
        optimizer = self.build_optimizer(p for p in self.parameters() if p.requires_grad)
        schedule = self.build_schedule(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["spec"] = self.spec.to_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # A checkpoint says how far a one-cycle schedule is; how long it is, this training says, which may
        # be longer than that of the checkpoint.
        for schedule in checkpoint.get("lr_schedulers", []):
            for key in ("total_steps", "_schedule_phases"):
                schedule.pop(key, None)

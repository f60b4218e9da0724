"""One class, or tag, per time step: of words, and of sequences of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from torch import Tensor

from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec, StepClasses
from seqtrain.tasks.task import Task

if TYPE_CHECKING:
    from torchmetrics import Metric

    from seqtrain.tasks.metrics import Metrics
    from seqtrain.tasks.span_f1 import TagMetrics


class SequenceTagging(Task):
    """One tag per time step.

    Args:
        monitor: the metric that checkpoints, early stopping and sweeps compare.
        mode: `max` if higher is better, else `min`.
        carry_state: whether a piece of a sequence, where the data is read in pieces, starts from the final
            state of the piece before it.
    """

    targets = StepClasses

    def __init__(self, monitor: str, mode: str, carry_state: bool = False) -> None:
        super().__init__(monitor, mode)
        self.carry_state = carry_state

    def name_unit(self, spec: DataSpec) -> str:
        return spec.inputs.steps.replace(" ", "_")

    def build_metrics(self, spec: DataSpec, further: Mapping[str, Metric]) -> Metrics:
        from seqtrain.tasks.span_f1 import TagMetrics

        assert isinstance(spec.targets, StepClasses)
        return TagMetrics(spec.targets, further)

    def update_metrics(
        self,
        metrics: Metrics,
        predictions: Tensor,
        batch: SequenceBatch,
        loss_sum: Tensor,
        probabilities: Tensor | None = None,
    ) -> None:
        super().update_metrics(metrics, predictions, batch, loss_sum, probabilities)
        spans = cast("TagMetrics", metrics).spans
        if spans is not None:
            spans.update(predictions, cast(Tensor, batch.targets), batch.lengths)

"""One class, or tag, per time step: words with their tags, and sequences of numbers with a class a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from torch import Tensor
from torchmetrics import Metric

from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec, StepClasses
from seqtrain.tasks.metrics import ClassMetrics, Metrics
from seqtrain.tasks.span_f1 import SpanF1
from seqtrain.tasks.task import Task


class TagMetrics(ClassMetrics):
    """Those of classes, and of the spans that tags mark."""

    def __init__(self, targets: StepClasses, further: Mapping[str, Metric]) -> None:
        super().__init__(targets, further)
        marks_spans = targets.tag_scheme is not None and SpanF1.is_available()
        self.spans = SpanF1(targets.names) if marks_spans else None

    def compute(self) -> dict[str, float]:
        return super().compute() | ({} if self.spans is None else self.spans.compute())


class SequenceTagging(Task):
    """One tag per time step."""

    targets = StepClasses

    def name_unit(self, spec: DataSpec) -> str:
        return spec.inputs.steps.replace(" ", "_")

    def build_metrics(self, spec: DataSpec, further: Mapping[str, Metric]) -> Metrics:
        assert isinstance(spec.targets, StepClasses)
        return TagMetrics(spec.targets, further)

    def update_metrics(
        self, metrics: Metrics, predictions: Tensor, batch: SequenceBatch, loss_sum: Tensor
    ) -> None:
        super().update_metrics(metrics, predictions, batch, loss_sum)
        spans = cast(TagMetrics, metrics).spans
        if spans is not None:
            spans.update(predictions, cast(Tensor, batch.targets), batch.lengths)

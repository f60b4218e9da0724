"""One class per sequence: digits, images, and sequences of numbers."""

from __future__ import annotations

from collections.abc import Mapping

from torchmetrics import Metric

from seqtrain.spec import DataSpec, SequenceClasses
from seqtrain.tasks.metrics import ClassMetrics, Metrics
from seqtrain.tasks.task import Task


class SequenceClassification(Task):
    """One class per sequence."""

    targets = SequenceClasses

    def name_unit(self, spec: DataSpec) -> str:
        return spec.inputs.sequences

    def build_metrics(self, spec: DataSpec, further: Mapping[str, Metric]) -> Metrics:
        assert isinstance(spec.targets, SequenceClasses)
        return ClassMetrics(spec.targets, further)

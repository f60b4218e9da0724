"""One class per sequence: digits, images, and sequences of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seqtrain.spec import DataSpec, SequenceClasses
from seqtrain.tasks.task import Task

if TYPE_CHECKING:
    from torchmetrics import Metric

    from seqtrain.tasks.metrics import Metrics


class SequenceClassification(Task):
    """One class per sequence."""

    targets = SequenceClasses

    def name_unit(self, spec: DataSpec) -> str:
        return spec.inputs.sequences

    def build_metrics(self, spec: DataSpec, further: Mapping[str, Metric]) -> Metrics:
        from seqtrain.tasks.metrics import ClassMetrics

        assert isinstance(spec.targets, SequenceClasses)
        return ClassMetrics(spec.targets, further)

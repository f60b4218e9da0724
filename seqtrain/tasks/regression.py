"""Numbers for each sequence, or for each of its time steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seqtrain.spec import DataSpec, Numbers, SequenceNumbers, StepNumbers
from seqtrain.tasks.task import Task

if TYPE_CHECKING:
    from torchmetrics import Metric

    from seqtrain.tasks.metrics import Metrics


class Regression(Task):
    """Numbers for each sequence, or for each of its time steps."""

    targets = (SequenceNumbers, StepNumbers)

    def name_unit(self, spec: DataSpec) -> str:
        return "numbers"

    def build_metrics(self, spec: DataSpec, further: Mapping[str, Metric]) -> Metrics:
        from seqtrain.tasks.number_metrics import NumberMetrics

        assert isinstance(spec.targets, Numbers)
        return NumberMetrics(spec.targets, further)

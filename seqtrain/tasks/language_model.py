"""The next character or word of a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seqtrain.spec import DataSpec, NextToken, TokenInputs
from seqtrain.tasks.task import Task

if TYPE_CHECKING:
    from torchmetrics import Metric

    from seqtrain.tasks.metrics import Metrics


class LanguageModel(Task):
    """The next token of a text, from the state that all earlier tokens have left.

    Args:
        monitor: the metric that checkpoints, early stopping and sweeps compare.
        mode: `max` if higher is better, else `min`.
        carry_state: whether a batch starts from the final state of the batch before it; otherwise each
            starts from zeros, in evaluation, too.
    """

    targets = NextToken

    def __init__(self, monitor: str, mode: str, carry_state: bool = True) -> None:
        super().__init__(monitor, mode)
        self.carry_state = carry_state

    def name_unit(self, spec: DataSpec) -> str:
        return f"{_unit_of(spec)}s"

    def build_metrics(self, spec: DataSpec, further: Mapping[str, Metric]) -> Metrics:
        from seqtrain.tasks.metrics import TextMetrics

        return TextMetrics(spec.targets, _unit_of(spec), further)


def _unit_of(spec: DataSpec) -> str:
    return spec.inputs.unit if isinstance(spec.inputs, TokenInputs) else "token"

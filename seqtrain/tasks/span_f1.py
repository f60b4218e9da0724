"""Precision, recall and F1 of the spans that BIO tags mark, as for chunks and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from torch import Tensor, nn
from torchmetrics import Metric, SumMetric

from seqtrain.records import IGNORED, valid_steps
from seqtrain.spec import StepClasses
from seqtrain.tasks.metrics import ClassMetrics


class SpanF1(nn.Module):
    """Counts spans; one is correct if its first word, its last word and its type are.

    seqeval finds the spans, by the rules of the scorer of CoNLL-2000 and CoNLL-2003 (`conlleval`).
    torchmetrics has no such metric; it sums the counts over batches and processes.

    Args:
        target_names: the tags, in the order of their ids.
    """

    def __init__(self, target_names: Sequence[str]) -> None:
        super().__init__()
        self._names = tuple(target_names)
        self.num_correct = SumMetric(nan_strategy="disable")
        self.num_predicted = SumMetric(nan_strategy="disable")
        self.num_targets = SumMetric(nan_strategy="disable")

    @staticmethod
    def is_available() -> bool:
        """Whether seqeval, an optional dependency, is installed."""
        return find_spec("seqeval") is not None

    def update(self, predictions: Tensor, targets: Tensor, lengths: Tensor) -> None:
        """Add the spans of a batch; predictions and targets are (batch, time) ids of tags.

        Words whose target is IGNORED are left out of both, as if the sentence did not have them.
        """
        counted = valid_steps(lengths.to(targets.device), targets.shape[1]) & (targets != IGNORED)
        predicted, expected = self._find(predictions, counted), self._find(targets, counted)
        self.num_correct.update(len(predicted & expected))
        self.num_predicted.update(len(predicted))
        self.num_targets.update(len(expected))

    def compute(self) -> dict[str, float]:
        """`span_precision`, `span_recall` and `span_f1`; 0 where there are no spans."""
        correct, predicted, targets = (
            float(each.compute()) for each in (self.num_correct, self.num_predicted, self.num_targets)
        )
        return {
            "span_precision": correct / max(predicted, 1),
            "span_recall": correct / max(targets, 1),
            "span_f1": 2 * correct / max(predicted + targets, 1),
        }

    def reset(self) -> None:
        for metric in self.children():
            metric.reset()  # type: ignore[operator]

    def _find(self, tags: Tensor, counted: Tensor) -> set[tuple[int, str, int, int]]:
        """The spans of all sequences: number of the sequence, type, first and last word."""
        from seqeval.metrics.sequence_labeling import get_entities

        rows = tags.masked_fill(~counted, IGNORED).tolist()
        named = ([self._names[tag] for tag in row if tag != IGNORED] for row in rows)
        return {(number, *span) for number, row in enumerate(named) for span in get_entities(row)}


class TagMetrics(ClassMetrics):
    """The metrics of classes, and of the spans that tags mark."""

    own_names = ClassMetrics.own_names | {"span_precision", "span_recall", "span_f1"}

    def __init__(self, targets: StepClasses, further: Mapping[str, Metric]) -> None:
        super().__init__(targets, further)
        marks_spans = targets.tag_scheme is not None and SpanF1.is_available()
        self.spans = SpanF1(targets.names) if marks_spans else None

    def compute(self) -> dict[str, float]:
        return super().compute() | ({} if self.spans is None else self.spans.compute())

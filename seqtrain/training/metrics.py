"""Metrics of predictions against targets, accumulated over the batches of a split."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchmetrics import Metric, SumMetric

from seqtrain.spec import TagScheme
from seqtrain.telemetry.predictions import count_confusions
from seqtrain.training.span_f1 import SpanF1


class Metrics(nn.Module):
    """Loss, accuracy and F1 of one pass over a split.

    Everything is a sum over valid positions, so that neither the size of the batches nor the number of
    processes changes a result. Sums stay on the device until `compute`.

    Args:
        target_names: one for each class, in the order of their ids.
        tag_scheme: of tags that mark spans, which are then counted as well.
    """

    def __init__(self, target_names: Sequence[str], tag_scheme: TagScheme | None = None) -> None:
        super().__init__()
        self.target_names = tuple(target_names)
        # SumMetric, because MeanMetric cannot let a nan through and weight the values at the same time.
        self.loss_sum = SumMetric(nan_strategy="disable")
        self.num_valid = SumMetric(nan_strategy="disable")
        self.confusion = Confusions(len(self.target_names))
        self.num_unseen = SumMetric(nan_strategy="disable")
        self.num_unseen_correct = SumMetric(nan_strategy="disable")
        self.spans = SpanF1(self.target_names) if tag_scheme and SpanF1.is_available() else None

    def update(
        self, predictions: Tensor, targets: Tensor, loss_sum: Tensor, unseen: Tensor | None = None
    ) -> None:
        """Add the valid positions of a batch.

        Args:
            predictions: (positions,) the predicted classes.
            targets: (positions,) the true classes.
            loss_sum: () the loss, summed over these positions.
            unseen: (positions,) bool, true for words that do not occur in the training data.
        """
        self.loss_sum.update(loss_sum)
        self.num_valid.update(targets.numel())
        self.confusion.update(targets, predictions)
        if unseen is not None:
            self.num_unseen.update(unseen.sum())
            self.num_unseen_correct.update((unseen & (predictions == targets)).sum())

    def compute(self) -> dict[str, float]:
        """`loss`, `accuracy`, `macro_f1`, `f1/<target>` each; `accuracy_unseen` if a word was unseen, and the
        metrics of `SpanF1` if tags mark spans.

        `macro_f1` is the mean over the classes that are a target or a prediction somewhere in the split: a
        rare class may be missing from a small split.
        """
        counts = self.confusion.compute().cpu().double()
        correct, support, predicted = counts.diagonal(), counts.sum(dim=1), counts.sum(dim=0)
        f1 = 2 * correct / (support + predicted).clamp(min=1)
        metrics = {
            "loss": float(self.loss_sum.compute()) / float(self.num_valid.compute()),
            "accuracy": float(correct.sum() / counts.sum()),
            "macro_f1": float(f1[support + predicted > 0].mean()),
        }
        if self.num_unseen.update_called and (num_unseen := float(self.num_unseen.compute())):
            metrics["accuracy_unseen"] = float(self.num_unseen_correct.compute()) / num_unseen
        if self.spans is not None:
            metrics |= self.spans.compute()
        by_target = zip(self.target_names, f1.tolist(), strict=True)
        return metrics | {f"f1/{name}": value for name, value in by_target}

    def confusions(self) -> list[list[int]]:
        """The number of positions of each target (row) with each prediction (column)."""
        counts: list[list[int]] = self.confusion.compute().tolist()
        return counts

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been added since the last reset."""
        return not self.confusion.update_called

    def reset(self) -> None:
        for metric in self.children():
            metric.reset()  # type: ignore[operator]


class Confusions(Metric):
    """How often each target (row) was predicted as each target (column), summed over processes, too.

    torchmetrics' own takes memory for positions times squared classes under deterministic algorithms.
    """

    full_state_update = False
    counts: Tensor

    def __init__(self, num_targets: int) -> None:
        super().__init__()
        counts = torch.zeros(num_targets, num_targets, dtype=torch.long)
        self.add_state("counts", counts, dist_reduce_fx="sum")

    def update(self, targets: Tensor, predictions: Tensor) -> None:
        """Count positions: the ids of their targets and predictions, of one shape."""
        self.counts = self.counts + count_confusions(targets, predictions, len(self.counts))

    def compute(self) -> Tensor:
        """(num_targets, num_targets) int64"""
        return self.counts

"""Metrics of predictions against targets, accumulated over the batches of a split."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchmetrics import Metric, SumMetric

from seqtrain.records import IGNORED, is_known
from seqtrain.spec import Classes, Targets
from seqtrain.tasks.further_metrics import FurtherMetrics


class Metrics(nn.Module):
    """The loss of one pass over a split, and the metrics that the configuration adds.

    Everything is a sum over valid positions, so that neither the size of the batches nor the number of
    processes changes a result. Sums stay on the device until `compute`.

    Args:
        targets: of the data.
        further: metrics of the configuration, by name; see `FurtherMetrics`.

    Raises:
        ConfigError: one of these cannot be computed.
    """

    own_names: ClassVar[frozenset[str]] = frozenset({"loss"})
    """The names, up to a slash, that `compute` returns by itself; further metrics must have others."""

    def __init__(self, targets: Targets, further: Mapping[str, Metric] | None = None) -> None:
        super().__init__()
        self.targets = targets
        # SumMetric, because MeanMetric cannot let a nan through and weight the values at the same time.
        self.loss_sum = SumMetric(nan_strategy="disable")
        self.num_valid = SumMetric(nan_strategy="disable")
        self.further = FurtherMetrics(further or {}, targets, self.own_names)

    def update(
        self,
        predictions: Tensor,
        targets: Tensor,
        loss_sum: Tensor,
        unseen: Tensor | None = None,
        probabilities: Tensor | None = None,
    ) -> None:
        """Add the positions of a batch whose target is known.

        Nothing is read back from the device, unless there are further metrics, which need it.

        Args:
            predictions: what was predicted, of any shape.
            targets: what was to be predicted, of the same shape.
            loss_sum: () the loss, summed over these positions.
            unseen: bool, of the same shape, true for words that do not occur in the training data.
            probabilities: of all classes, (..., classes), where a further metric wants them.
        """
        valid = is_known(targets)
        self.loss_sum.update(loss_sum)
        self.num_valid.update(valid.sum())
        self.further.update(predictions, targets, probabilities)

    def compute(self) -> dict[str, float]:
        """`loss`, and the further metrics by their names."""
        metrics = {"loss": float(self.loss_sum.compute()) / float(self.num_valid.compute())}
        return metrics | self.further.compute()

    def confusions(self) -> list[list[int]] | None:
        """The number of positions of each class (row) with each prediction (column); None without classes."""
        return None

    def tables(self) -> dict[str, list[list[str | float]]]:
        """Tables by name for the run folder, each with its header."""
        return {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been added since the last reset."""
        return not self.loss_sum.update_called

    def reset(self) -> None:
        for module in self.modules():
            if isinstance(module, Metric):
                module.reset()


class ClassMetrics(Metrics):
    """Accuracy and F1 of classes as well.

    Args:
        targets: the classes.
        further: see `Metrics`.
    """

    own_names = Metrics.own_names | {"accuracy", "macro_f1", "accuracy_unseen", "f1"}

    def __init__(self, targets: Classes, further: Mapping[str, Metric] | None = None) -> None:
        super().__init__(targets, further)
        self.names = targets.names
        self.confusion = Confusions(len(self.names))
        self.num_unseen = SumMetric(nan_strategy="disable")
        self.num_unseen_correct = SumMetric(nan_strategy="disable")

    def update(
        self,
        predictions: Tensor,
        targets: Tensor,
        loss_sum: Tensor,
        unseen: Tensor | None = None,
        probabilities: Tensor | None = None,
    ) -> None:
        super().update(predictions, targets, loss_sum, unseen, probabilities)
        self.confusion.update(targets, predictions)
        if unseen is not None:
            self.num_unseen.update((unseen & (targets != IGNORED)).sum())
            self.num_unseen_correct.update((unseen & (predictions == targets)).sum())

    def compute(self) -> dict[str, float]:
        """`loss`, `accuracy`, `macro_f1`, `f1/<class>` each; `accuracy_unseen` if a word was unseen.

        `macro_f1` is the mean over the classes that are a target or a prediction somewhere in the split: a
        rare class may be missing from a small split.
        """
        counts = self.confusion.compute().cpu().double()
        correct, support, predicted = counts.diagonal(), counts.sum(dim=1), counts.sum(dim=0)
        f1 = 2 * correct / (support + predicted).clamp(min=1)
        metrics = super().compute() | {
            "accuracy": float(correct.sum() / counts.sum()),
            "macro_f1": float(f1[support + predicted > 0].mean()),
        }
        if self.num_unseen.update_called and (num_unseen := float(self.num_unseen.compute())):
            metrics["accuracy_unseen"] = float(self.num_unseen_correct.compute()) / num_unseen
        return metrics | {f"f1/{name}": value for name, value in zip(self.names, f1.tolist(), strict=True)}

    def confusions(self) -> list[list[int]] | None:
        counts: list[list[int]] = self.confusion.compute().tolist()
        return counts


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
        """Count positions: the ids of their targets and predictions, of one shape.

        Nothing is read back from the device.
        """
        num = len(self.counts)
        pairs = torch.where(targets == IGNORED, num**2, targets * num + predictions)
        counts = pairs.new_zeros(num**2 + 1)  # the last one counts what is ignored
        counts.index_add_(0, pairs.flatten(), counts.new_ones(()).expand(pairs.numel()))
        self.counts = self.counts + counts[:-1].view(num, num)

    def compute(self) -> Tensor:
        """(num_targets, num_targets) int64"""
        return self.counts


class TextMetrics(Metrics):
    """The loss, in nats per token, as bits per character and as perplexity.

    Args:
        targets: the tokens.
        unit: what the text is cut into.
        further: see `Metrics`.
    """

    own_names = Metrics.own_names | {"bits_per_character", "perplexity"}

    def __init__(self, targets: Targets, unit: str, further: Mapping[str, Metric] | None = None) -> None:
        super().__init__(targets, further)
        self.unit = unit

    def compute(self) -> dict[str, float]:
        """`loss`; `perplexity`, the exponential of it; and of characters `bits_per_character`."""
        metrics = super().compute()
        metrics["perplexity"] = math.exp(min(metrics["loss"], 700.0))
        if self.unit == "character":
            metrics["bits_per_character"] = metrics["loss"] / math.log(2)
        return metrics

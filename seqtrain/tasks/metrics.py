"""Metrics of predictions against targets, accumulated over the batches of a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchmetrics import Metric, SumMetric

from seqtrain.config import ConfigError
from seqtrain.errors import first_line
from seqtrain.records import IGNORED
from seqtrain.spec import Classes, Targets


class Metrics(nn.Module):
    """The loss of one pass over a split, and the metrics that the configuration adds.

    Everything is a sum over valid positions, so that neither the size of the batches nor the number of
    processes changes a result. Sums stay on the device until `compute`.

    Args:
        targets: of the data.
        further: metrics of the configuration, by name. They are given the predictions and the targets of the
            valid positions, (positions,) each.
    """

    own_names: ClassVar[frozenset[str]] = frozenset({"loss"})
    """What `compute` names by itself, up to a slash; further metrics have other names."""

    def __init__(self, targets: Targets, further: Mapping[str, Metric] | None = None) -> None:
        super().__init__()
        self.targets = targets
        # SumMetric, because MeanMetric cannot let a nan through and weight the values at the same time.
        self.loss_sum = SumMetric(nan_strategy="disable")
        self.num_valid = SumMetric(nan_strategy="disable")
        self.further = nn.ModuleDict({name: metric.clone() for name, metric in (further or {}).items()})

    def update(
        self, predictions: Tensor, targets: Tensor, loss_sum: Tensor, unseen: Tensor | None = None
    ) -> None:
        """Add the positions of a batch whose target is not IGNORED.

        Nothing is read back from the device, unless there are further metrics: those are given no others.

        Args:
            predictions: what was predicted, of any shape.
            targets: what was to be predicted, of the same shape.
            loss_sum: () the loss, summed over these positions.
            unseen: bool, of the same shape, true for words that do not occur in the training data.
        """
        valid = targets != IGNORED
        self.loss_sum.update(loss_sum)
        self.num_valid.update(valid.sum())
        for metric in self._further():
            with _counted_in_any_order(targets):
                metric.update(predictions[valid], targets[valid])

    def compute(self) -> dict[str, float]:
        """`loss`, and the further metrics by their names."""
        metrics = {"loss": float(self.loss_sum.compute()) / float(self.num_valid.compute())}
        for name, metric in self.further.items():
            assert isinstance(metric, Metric)
            metrics |= read_value(name, metric.compute(), self.targets)
        return metrics

    def confusions(self) -> list[list[int]] | None:
        """The number of positions of each class (row) with each prediction (column); None without classes."""
        return None

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been added since the last reset."""
        return not self.loss_sum.update_called

    def reset(self) -> None:
        for metric in (*self.children(), *self._further()):
            if metric is not self.further:
                metric.reset()  # type: ignore[operator]

    def _further(self) -> Iterator[Metric]:
        for metric in self.further.values():
            assert isinstance(metric, Metric)
            yield metric


@contextmanager
def _counted_in_any_order(targets: Tensor) -> Iterator[None]:
    """Without deterministic algorithms for classes, whose counts are the same in any order.

    With them torchmetrics' metrics take memory for positions times squared classes.
    """
    mode = torch.get_deterministic_debug_mode()
    if not targets.is_floating_point():
        torch.set_deterministic_debug_mode("default")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)


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
        self, predictions: Tensor, targets: Tensor, loss_sum: Tensor, unseen: Tensor | None = None
    ) -> None:
        super().update(predictions, targets, loss_sum, unseen)
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
        """Count positions: the ids of their targets and predictions, of one shape."""
        self.counts = self.counts + count_confusions(targets, predictions, len(self.counts))

    def compute(self) -> Tensor:
        """(num_targets, num_targets) int64"""
        return self.counts


def count_confusions(targets: Tensor, predictions: Tensor, num_targets: int) -> Tensor:
    """(num_targets, num_targets): how often each target (row) was predicted as each target (column).

    Nothing is read back from the device.
    """
    pairs = torch.where(targets == IGNORED, num_targets**2, targets * num_targets + predictions)
    counts = pairs.new_zeros(num_targets**2 + 1)  # the last one counts what is ignored
    counts.index_add_(0, pairs.flatten(), counts.new_ones(()).expand(pairs.numel()))
    return counts[:-1].view(num_targets, num_targets)


def read_value(name: str, value: object, targets: Targets) -> dict[str, float]:
    """The value of a metric by `name`; one for each class by `name/<class>`, or by the keys of a dict.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, dict):
        return {f"{name}/{key}": float(each) for key, each in value.items()}
    if isinstance(value, Tensor) and value.ndim == 1 and isinstance(targets, Classes):
        return {f"{name}/{each}": share for each, share in zip(targets.names, value.tolist(), strict=True)}
    if isinstance(value, Tensor) and value.numel() == 1:
        return {name: float(value)}
    shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    raise ValueError(f"gives {shape}, expected a number, or one for each class")


def check_metrics(metrics: Metrics) -> None:
    """Try the further metrics on two positions, before a training.

    Raises:
        ConfigError: one has the name of a metric of the task, refuses predictions, or gives no number.
    """
    positions = torch.tensor([0, 1] if isinstance(metrics.targets, Classes) else [0.0, 1.0])
    problems = []
    for name, metric in metrics.further.items():
        if name in metrics.own_names:
            taken = ", ".join(sorted(metrics.own_names))
            problem = f"the task has a metric of this name; choose another than {taken}"
            problems.append(f"metrics.{name}: {problem}")
            continue
        tried = metric.clone()  # type: ignore[operator]
        try:
            tried.update(positions, positions)
            read_value(name, tried.compute(), metrics.targets)
        except (ValueError, TypeError, RuntimeError) as error:
            given = f"a metric is given the predictions and targets of all positions, {positions.dtype}"
            problems.append(f"metrics.{name}: {type(metric).__name__}: {first_line(error)}; {given}")
    if problems:
        raise ConfigError(problems)

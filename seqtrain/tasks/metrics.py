"""Metrics of predictions against targets, accumulated over the batches of a split."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import Metric, SumMetric
from torchmetrics.classification import BinaryPrecisionRecallCurve

from seqtrain.config import ConfigError
from seqtrain.errors import first_line
from seqtrain.records import IGNORED, is_known
from seqtrain.spec import Classes, Targets


class Metrics(nn.Module):
    """The loss of one pass over a split, and the metrics that the configuration adds.

    Everything is a sum over valid positions, so that neither the size of the batches nor the number of
    processes changes a result. Sums stay on the device until `compute`.

    Args:
        targets: of the data.
        further: metrics of the configuration, by name. They are given the predictions and the targets of the
            valid positions, (positions,) each; those that refuse predictions, like an area under a curve, the
            probabilities of all classes, (positions, classes), and the targets.

    Attributes:
        of_probabilities: those further metrics that are given probabilities, by name: of which classes.

    Raises:
        ConfigError: a further metric has the name of one of the task, refuses what it is given, or gives no
            number. Each is tried on two positions.
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
        self.of_probabilities = dict(self._try_further())

    def _try_further(self) -> Iterator[tuple[str, slice | int]]:
        """Those metrics that want probabilities, see `find_probabilities`."""
        problems, taken = [], ", ".join(sorted(self.own_names))
        for name, metric in self._further():
            if name in self.own_names:
                problem = f"the task has a metric of this name; choose another than {taken}"
                problems.append(f"metrics.{name}: {problem}")
                continue
            try:
                column = find_probabilities(metric, self.targets)
                if column is not None:
                    yield name, column
            except ValueError as error:
                problems.append(f"metrics.{name}: {type(metric).__name__}: {error}")
        if problems:
            raise ConfigError(problems)

    def check_head(self, head: object) -> None:
        """Refuse metrics that want probabilities of a head that gives none.

        Raises:
            ConfigError: it has no method `probabilities`.
        """
        if self.of_probabilities and not hasattr(head, "probabilities"):
            name = type(head).__name__
            problem = (
                f"wants the probabilities of all classes, and {name} gives none; choose a metric of "
                f"predictions, or give {name} a method probabilities(scores, lengths)"
            )
            raise ConfigError([f"metrics.{each}: {problem}" for each in sorted(self.of_probabilities)])

    def update(
        self,
        predictions: Tensor,
        targets: Tensor,
        loss_sum: Tensor,
        unseen: Tensor | None = None,
        probabilities: Tensor | None = None,
    ) -> None:
        """Add the positions of a batch whose target is known.

        Nothing is read back from the device, unless there are further metrics: those are given no others.

        Args:
            predictions: what was predicted, of any shape.
            targets: what was to be predicted, of the same shape.
            loss_sum: () the loss, summed over these positions.
            unseen: bool, of the same shape, true for words that do not occur in the training data.
            probabilities: of all classes, (..., classes), where `of_probabilities` names a metric.
        """
        valid = is_known(targets)
        self.loss_sum.update(loss_sum)
        self.num_valid.update(valid.sum())
        for name, metric in self._further():
            given = predictions
            if name in self.of_probabilities:
                assert probabilities is not None
                given = probabilities[..., self.of_probabilities[name]]
            with _counted_in_any_order(targets):
                metric.update(given[valid], targets[valid])

    def compute(self) -> dict[str, float]:
        """`loss`, and the further metrics by their names."""
        metrics = {"loss": float(self.loss_sum.compute()) / float(self.num_valid.compute())}
        for name, metric in self._further():
            metrics |= read_value(name, metric.compute(), self.targets)
        return metrics

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

    def _further(self) -> Iterator[tuple[str, Metric]]:
        for name, metric in self.further.items():
            assert isinstance(metric, Metric)
            yield name, metric


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


def find_probabilities(metric: Metric, targets: Targets) -> slice | int | None:
    """Of which classes a metric wants the probabilities; None for one that takes predictions.

    A metric of two classes that has its scores in one column is given the probability of the second. Curves
    of such metrics take predictions for scores, and would be wrong without a word.

    Raises:
        ValueError: it takes neither predictions nor probabilities, or gives no number.
    """
    if not isinstance(targets, Classes):
        numbers = torch.tensor([0.0, 1.0])
        if refusal := _try_metric(metric, numbers, numbers, targets):
            raise ValueError(f"{refusal}; it is given predictions and targets, (positions,) torch.float32")
        return None
    num = targets.num_targets
    ids = torch.tensor([0, num - 1])
    shares = F.one_hot(ids, num).float()
    if isinstance(metric, BinaryPrecisionRecallCurve):
        if num != 2:
            raise ValueError(f"it is for two classes, and the data has {num}")
        if refusal := _try_metric(metric, shares[:, 1], ids, targets):
            raise ValueError(refusal)
        return 1
    refusal = _try_metric(metric, ids, ids, targets)
    if refusal is None:
        return None
    columns: list[slice | int] = [slice(None), 1] if num == 2 else [slice(None)]
    for column in columns:
        if _try_metric(metric, shares[:, column], ids, targets) is None:
            return column
    raise ValueError(
        f"{refusal}; it is given predictions and targets, (positions,) torch.int64, or else the "
        f"probabilities of all classes, (positions, {num}) torch.float32, and targets"
    )


def _try_metric(metric: Metric, given: Tensor, positions: Tensor, targets: Targets) -> str | None:
    """Why a metric cannot be computed of these; None if it can."""
    tried = metric.clone()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes that do not occur in so few positions
            tried.update(given, positions)
            read_value("", tried.compute(), targets)
    except (ValueError, TypeError, RuntimeError, IndexError) as error:
        return first_line(error)
    return None

"""Metrics of the configuration: what each of them is given, and what it gives."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.classification import BinaryPrecisionRecallCurve

from seqtrain.config import ConfigError
from seqtrain.errors import first_line
from seqtrain.records import is_known
from seqtrain.spec import Classes, Targets


class FurtherMetrics(nn.Module):
    """Metrics beside the task's own, of one pass over a split.

    They are given the predictions and the targets of the valid positions, (positions,) each; a metric that
    refuses predictions, like an area under a curve, is given the probabilities of all classes, (positions,
    classes).

    Args:
        metrics: by name.
        targets: of the data.
        taken: names of the task's own metrics.

    Attributes:
        of_probabilities: for each metric that is given probabilities, their classes.

    Raises:
        ConfigError: one has a name that is taken, refuses what it is given, or gives no number. Each is tried
            on two positions.
    """

    def __init__(self, metrics: Mapping[str, Metric], targets: Targets, taken: frozenset[str]) -> None:
        super().__init__()
        self.targets = targets
        self.metrics = nn.ModuleDict({name: metric.clone() for name, metric in metrics.items()})
        self.of_probabilities: dict[str, slice | int] = {}
        problems = []
        for name, metric in metrics.items():
            try:
                if name in taken:
                    others = ", ".join(sorted(taken))
                    raise ValueError(f"the task has a metric of this name; choose another than {others}")
                columns = _find_probabilities(metric, targets)
            except ValueError as error:
                problems.append(f"metrics.{name}: {error}")
            else:
                if columns is not None:
                    self.of_probabilities[name] = columns
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

    def update(self, predictions: Tensor, targets: Tensor, probabilities: Tensor | None) -> None:
        """Add the positions whose target is known; see `Metrics.update`."""
        valid = is_known(targets) if self.metrics else None
        for name, metric in self._named():
            given = predictions
            if name in self.of_probabilities:
                assert probabilities is not None
                given = probabilities[..., self.of_probabilities[name]]
            with _without_determinism(targets):
                metric.update(given[valid], targets[valid])

    def compute(self) -> dict[str, float]:
        """The values by name, of each class by `name/<class>`."""
        found: dict[str, float] = {}
        for name, metric in self._named():
            found |= _read_value(name, metric.compute(), self.targets)
        return found

    def _named(self) -> Iterator[tuple[str, Metric]]:
        for name, metric in self.metrics.items():
            assert isinstance(metric, Metric)
            yield name, metric


@contextmanager
def _without_determinism(targets: Tensor) -> Iterator[None]:
    """Turn deterministic algorithms off where targets are classes, whose counts are the same in any order.

    With them torchmetrics' metrics take memory for positions times squared classes.
    """
    mode = torch.get_deterministic_debug_mode()
    if not targets.is_floating_point():
        torch.set_deterministic_debug_mode("default")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)


def _find_probabilities(metric: Metric, targets: Targets) -> slice | int | None:
    """Of which classes a metric wants the probabilities; None for one that takes predictions.

    A metric of two classes that takes its scores in one column is given the probability of the second class.
    Curves of this kind would take predictions for scores, and be silently wrong.

    Raises:
        ValueError: it takes neither predictions nor probabilities, or gives no number.
    """
    kind = type(metric).__name__
    if not isinstance(targets, Classes):
        numbers = torch.tensor([0.0, 1.0])
        if refusal := _try_metric(metric, numbers, numbers, targets):
            raise ValueError(
                f"{kind}: {refusal}; it is given predictions and targets, (positions,) torch.float32"
            )
        return None
    num = targets.num_targets
    ids = torch.tensor([0, num - 1])
    shares = F.one_hot(ids, num).float()
    if isinstance(metric, BinaryPrecisionRecallCurve):
        if num != 2:
            raise ValueError(f"{kind}: it is for two classes, and the data has {num}")
        if refusal := _try_metric(metric, shares[:, 1], ids, targets):
            raise ValueError(f"{kind}: {refusal}")
        return 1
    refusal = _try_metric(metric, ids, ids, targets)
    if refusal is None:
        return None
    columns: list[slice | int] = [slice(None), 1] if num == 2 else [slice(None)]
    for column in columns:
        if _try_metric(metric, shares[:, column], ids, targets) is None:
            return column
    raise ValueError(
        f"{kind}: {refusal}; it is given predictions and targets, (positions,) torch.int64, or else the "
        f"probabilities of all classes, (positions, {num}) torch.float32, and targets"
    )


def _try_metric(metric: Metric, given: Tensor, positions: Tensor, targets: Targets) -> str | None:
    """Why a metric cannot be computed from these; None if it can."""
    tried = metric.clone()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes that do not occur in so few positions
            tried.update(given, positions)
            _read_value("", tried.compute(), targets)
    except (ValueError, TypeError, RuntimeError, IndexError) as error:
        return first_line(error)
    return None


def _read_value(name: str, value: object, targets: Targets) -> dict[str, float]:
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

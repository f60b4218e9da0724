"""What the page and the pictures show, as one record."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqtrain.inspection.curves import Curve, read_curves
from seqtrain.inspection.examine import Array, Example
from seqtrain.inspection.selectivity import selectivity
from seqtrain.records import DataSpec
from seqtrain.runs.folder import RunFolder

DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class Report:
    """A run and a sample of sequences that its network was run over; `facts` describe the run in words."""

    name: str
    facts: tuple[tuple[str, str], ...]
    spec: DataSpec
    examples: tuple[Example, ...]
    curves: tuple[Curve, ...]
    metrics: dict[str, float]
    confusions: tuple[tuple[int, ...], ...] | None  # on the test split: rows are targets, columns predictions

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of what is known of every step, "h" first and "gradient" last."""
        return tuple(self.examples[0].parts)

    @property
    def has_target_per_step(self) -> bool:
        return any(len(example.predictions) > 1 for example in self.examples)

    @cached_property
    def selectivity(self) -> npt.NDArray[np.float64]:
        """(layers, directions, hidden, targets); see `seqtrain.inspection.selectivity`."""
        return selectivity(self.examples, self.spec.num_targets)

    @cached_property
    def gradient_through_time(self) -> Array:
        """The norm of dL/dh_t by distance from the end of the walk, (layers, directions, time).

        The geometric mean over the examples, of the gradient norm at 0, 1, ... steps from where the direction
        ends; NaN where no example has one above zero.
        """
        longest = max(example.num_steps for example in self.examples)
        shape = (*self.examples[0].parts["gradient"].shape[:2], longest)
        logs, counts = np.zeros(shape), np.zeros(shape)
        for example in self.examples:
            norms = _from_the_end(np.linalg.norm(example.parts["gradient"], axis=-1))
            there = norms > 0
            logs[..., : example.num_steps] += np.log(norms, out=np.zeros_like(norms), where=there)
            counts[..., : example.num_steps] += there
        mean = np.divide(logs, counts, out=np.full(shape, np.nan), where=counts > 0)
        return np.exp(mean).astype(np.float32)


def build_report(
    folder: RunFolder, facts: Sequence[tuple[str, str]], spec: DataSpec, examples: Sequence[Example]
) -> Report:
    """Add what the run folder holds: its curves, metrics and confusions, as far as they were written."""
    return Report(
        name=folder.path.resolve().name,
        facts=tuple(facts),
        spec=spec,
        examples=tuple(examples),
        curves=tuple(read_curves(folder.path)),
        metrics=json.loads(folder.metrics_file.read_text(encoding="utf-8")) if folder.is_done else {},
        confusions=_read_confusions(folder.confusions_file),
    )


def _read_confusions(path: Path) -> tuple[tuple[int, ...], ...] | None:
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return tuple(tuple(int(count) for count in row[1:]) for row in rows)


def _from_the_end(norms: Array) -> Array:
    """(layers, directions, time) with time counted from where each direction ends its walk."""
    return np.stack([norms[:, 0, ::-1], *(norms[:, direction] for direction in range(1, norms.shape[1]))], 1)

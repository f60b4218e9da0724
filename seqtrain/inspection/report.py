"""What the page and the pictures show, as one record."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqtrain.inspection.arrays import Array
from seqtrain.inspection.curves import Curve, read_curves
from seqtrain.inspection.examine import Example
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
        """The norm of dL/dh_t by the number of steps from t to the loss, (layers, directions, time).

        With a target for each step L is the loss of a single step, and the mean is over all pairs of a step
        and an earlier one; else it is the loss of the sequence, at the end of the direction's walk. Geometric
        means over the sample; NaN where nothing is above zero.
        """
        longest = max(example.num_steps for example in self.examples)
        shape = (*self.examples[0].parts["h"].shape[:2], longest)
        logs, counts = np.zeros(shape), np.zeros(shape)
        for example in self.examples:
            for direction, distance, norms in _norms_by_distance(example):
                there = norms > 0
                logs[:, direction, distance] += np.log(norms, out=np.zeros_like(norms), where=there).sum(-1)
                counts[:, direction, distance] += there.sum(-1)
        mean = np.divide(logs, counts, out=np.full(shape, np.nan), where=counts > 0)
        return np.exp(mean).astype(np.float32)


def build_report(
    folder: RunFolder, facts: Sequence[tuple[str, str]], spec: DataSpec, examples: Sequence[Example]
) -> Report:
    """Add what the run folder holds: its curves, metrics and confusions, as far as they were written."""
    return Report(
        name=_name_run(folder.path.resolve()),
        facts=tuple(facts),
        spec=spec,
        examples=tuple(examples),
        curves=tuple(read_curves(folder.path)),
        metrics=json.loads(folder.metrics_file.read_text(encoding="utf-8")) if folder.is_done else {},
        confusions=_read_confusions(folder.confusions_file),
    )


def _name_run(folder: Path) -> str:
    """`pos/bilstm/2026-11-21_10-00-00`: the path below the folder `runs`, or just the folder's own name."""
    parts = folder.parts
    if "runs" not in parts[:-1]:
        return folder.name
    below = len(parts) - parts[::-1].index("runs")
    return "/".join(parts[below:])


def _read_confusions(path: Path) -> tuple[tuple[int, ...], ...] | None:
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return tuple(tuple(int(count) for count in row[1:]) for row in rows)


def _norms_by_distance(example: Example) -> Iterator[tuple[int, int, Array]]:
    """Direction, steps to the loss, and the gradients' norms at that distance, (layers, pairs)."""
    norms = np.linalg.norm(example.parts["gradient"], axis=-1)
    for direction, distance in np.ndindex(norms.shape[1], example.num_steps):
        if example.reach is not None:  # time of the loss before time of the state
            offset = distance if direction else -distance
            yield direction, distance, example.reach[:, direction].diagonal(offset, axis1=1, axis2=2)
        elif len(example.predictions) == 1:
            time = distance if direction else example.num_steps - 1 - distance
            yield direction, distance, norms[:, direction, time : time + 1]

"""The scalars that a run logged while it trained: the one reader of event files and of metrics.csv."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqtrain.errors import DataError
from seqtrain.foreign import is_regular

MAX_LOG_BYTES = 1 << 30
MAX_POINTS = 400  # of a curve: more than a chart has pixels for
COPIES = "at a glance"  # of the main curves, for TensorBoard's first screen


@dataclass(frozen=True)
class Curve:
    """One scalar over optimizer steps; `split` is "train" or "val"."""

    tag: str
    split: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


class _Point(NamedTuple):
    folder: str  # name of the folder that it was logged to
    tag: str
    step: int
    value: float


def read_curves(run_dir: Path) -> list[Curve]:
    """All curves of a run folder, of at most 400 points each, evenly spread.

    They come from TensorBoard's event files or, where there are none, from metrics.csv files. Event files in
    the folder `validation` hold what was measured on the validation data. Of the points that a resumed run
    logged twice the later ones are kept.

    Raises:
        DataError: a log is damaged.
    """
    curves: dict[tuple[str, str], dict[int, float]] = {}
    for point in _read_points(run_dir):
        if not point.tag.startswith(COPIES):
            curves.setdefault((point.folder, point.tag), {})[point.step] = point.value
    return [_thin_out(folder, tag, points) for (folder, tag), points in curves.items()]


def read_curve(run_dir: Path, metric: str) -> list[tuple[int, float]]:
    """The values of a metric by optimizer step; empty where the run logged none.

    Raises:
        DataError: a log is damaged.
    """
    return sorted({p.step: p.value for p in _read_points(run_dir, metric)}.items())


def seconds_until(folder: Path, metric: str, goal: float) -> float | None:
    """Wall-clock seconds from the first event in TensorBoard's files until a metric first reached a goal.

    Args:
        folder: of a run that was not interrupted.
        metric: the higher the better.
        goal: the value to reach.

    Returns:
        None where the goal was never reached, or nothing was logged.
    """
    from tensorboard.util import tensor_util

    goal = float(np.float32(goal))  # the files hold single precision
    times: list[float] = []
    reached: list[float] = []
    for path in _find_files(folder, "events.out.tfevents.*"):
        for event in _load_events(path):
            times.append(event.wall_time)
            for value in event.summary.value:
                if value.tag == metric and float(tensor_util.make_ndarray(value.tensor)) >= goal:
                    reached.append(event.wall_time)
    return min(reached) - min(times) if reached else None


def _read_points(run_dir: Path, metric: str | None = None) -> Iterator[_Point]:
    """The points of one metric, or of all."""
    events = _find_files(run_dir, "events.out.tfevents.*")
    try:
        for path in events:
            yield from _from_events(path, metric)
        for path in [] if events else _find_files(run_dir, "metrics.csv"):
            yield from _from_csv(path, metric)
    except DataError:
        raise
    except Exception as error:  # on damaged bytes a reader may raise anything
        raise DataError(f"its logged metrics cannot be read: {error}", run_dir) from None


def _find_files(run_dir: Path, pattern: str) -> list[Path]:
    """The files of a run with such a name, ordered by folder, then by name.

    Raises:
        DataError: one is larger than any that a run writes.
    """
    found = [path for path in run_dir.rglob(pattern) if is_regular(path)]
    for path in found:
        if path.stat().st_size > MAX_LOG_BYTES:
            raise DataError(f"has {path.stat().st_size:,} bytes; expected at most {MAX_LOG_BYTES:,}", path)
    return sorted(found, key=lambda path: (path.parent, path.name))


def _from_events(path: Path, metric: str | None) -> Iterator[_Point]:
    from tensorboard.util import tensor_util

    kinds: dict[str, str] = {}  # by tag: later values need not repeat it
    for event in _load_events(path):
        for value in event.summary.value:
            kind = kinds.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
            # A shape could claim any amount of memory for the one number.
            if kind == "scalars" and metric in (None, value.tag) and not value.tensor.tensor_shape.dim:
                number = float(tensor_util.make_ndarray(value.tensor))
                yield _Point(path.parent.name, value.tag, event.step, number)


def _load_events(path: Path) -> Iterator[Any]:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    yield from EventFileLoader(str(path)).Load()


def _from_csv(path: Path, metric: str | None) -> Iterator[_Point]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for tag in row if metric is None else (metric,):
                if tag not in ("step", "epoch") and row.get(tag):
                    yield _Point("", tag, int(float(row["step"])), float(row[tag]))


def _thin_out(folder: str, tag: str, points: dict[int, float]) -> Curve:
    is_validation = folder == "validation" or tag.startswith("val/")
    kept = _spread(sorted(points.items()))
    return Curve(
        tag,
        "val" if is_validation else "train",
        tuple(step for step, _ in kept),
        tuple(value for _, value in kept),
    )


def _spread(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most MAX_POINTS of them, evenly spread, with the first and the last."""
    num = len(points)
    if num <= MAX_POINTS:
        return points
    return [points[index * (num - 1) // (MAX_POINTS - 1)] for index in range(MAX_POINTS)]

"""The learning curve of a run, from what its logger wrote."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seqtrain.errors import DataError
from seqtrain.runs.report.collect import Run

Curve = list[tuple[int, float]]  # optimizer step and value


def read_curve(run: Run, metric: str) -> Curve:
    """The values of a metric by optimizer step; empty where the run logged none.

    Raises:
        DataError: a log is damaged.
    """
    table = run.path / "metrics.csv"
    points = _from_csv(table, metric) if table.is_file() else _from_tensorboard(run.path, metric)
    try:
        return sorted(dict(points).items())
    except (ValueError, KeyError, TypeError, OverflowError, csv.Error) as error:
        raise DataError(f"its logged metrics cannot be read: {error}", run.path) from None


def _from_csv(table: Path, metric: str) -> Iterator[tuple[int, float]]:
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row.get(metric):
                yield int(float(row["step"])), float(row[metric])


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
    for event in _events(folder):
        times.append(event.wall_time)
        for value in event.summary.value:
            if value.tag == metric and float(tensor_util.make_ndarray(value.tensor)) >= goal:
                reached.append(event.wall_time)
    return min(reached) - min(times) if reached else None


def _from_tensorboard(folder: Path, metric: str) -> Iterator[tuple[int, float]]:
    from tensorboard.util import tensor_util

    for event in _events(folder):
        for value in event.summary.value:
            if value.tag == metric and value.HasField("tensor"):
                yield event.step, float(tensor_util.make_ndarray(value.tensor))


def _events(folder: Path) -> Iterator[Any]:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    for path in sorted([*folder.glob("events.out.*"), *folder.glob("validation/events.out.*")]):
        if path.is_file():  # a pipe would be waited for
            yield from EventFileLoader(str(path)).Load()

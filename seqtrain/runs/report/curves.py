"""The learning curve of a run, from what its logger wrote."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from seqtrain.errors import DataError
from seqtrain.runs.report.collect import Run

Curve = list[tuple[int, float]]  # optimizer step and value


def read_curve(run: Run, metric: str) -> Curve:
    """The values of a metric by optimizer step; empty where the run logged none.

    Raises:
        DataError: a log is damaged.
    """
    table = run.path / "metrics.csv"
    points = _from_csv(table, metric) if table.is_file() else _from_events(run.path, metric)
    try:
        return sorted(dict(points).items())
    except (ValueError, KeyError, TypeError, OverflowError, csv.Error) as error:
        raise DataError(f"its logged metrics cannot be read: {error}", run.path) from None


def _from_csv(table: Path, metric: str) -> Iterator[tuple[int, float]]:
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row.get(metric):
                yield int(float(row["step"])), float(row[metric])


def _from_events(folder: Path, metric: str) -> Iterator[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    for path in sorted([*folder.glob("events.out.*"), *folder.glob("validation/events.out.*")]):
        if not path.is_file():  # a pipe would be waited for
            continue
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag == metric and value.HasField("tensor"):
                    yield event.step, float(tensor_util.make_ndarray(value.tensor))

"""The scalars that a run logged while it trained."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_POINTS = 400  # of a curve: more than a chart has pixels for
COPIES = "at a glance/"  # of the main curves, for TensorBoard's first screen


@dataclass(frozen=True)
class Curve:
    """One scalar over optimizer steps; `split` is "train" or "val"."""

    tag: str
    split: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


def read_curves(run_dir: Path) -> list[Curve]:
    """All curves of a run folder, from TensorBoard's event files or else from metrics.csv files.

    Event files in the folder `validation` hold what was measured on the validation data.
    """
    folders = sorted({path.parent for path in run_dir.rglob("events.out.tfevents.*")})
    tables = [] if folders else sorted(run_dir.rglob("metrics.csv"))
    curves = [*map(_read_events, folders), *map(_read_csv, tables)]
    return [curve for each in curves for curve in each if not curve.tag.startswith(COPIES)]


def _read_events(folder: Path) -> Iterator[Curve]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    for tag in events.Tags()["scalars"]:
        points = events.Scalars(tag)
        yield _curve(tag, [point.step for point in points], [point.value for point in points], folder.name)


def _read_csv(path: Path) -> Iterator[Curve]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for tag in rows[0] if rows else ():
        if tag not in ("step", "epoch"):
            there = [row for row in rows if row[tag]]
            yield _curve(tag, [int(row["step"]) for row in there], [float(row[tag]) for row in there], "")


def _curve(tag: str, steps: Sequence[int], values: Sequence[float], folder: str) -> Curve:
    is_validation = folder == "validation" or tag.startswith("val/")
    kept = _spread(len(steps))
    return Curve(
        tag,
        "val" if is_validation else "train",
        tuple(steps[place] for place in kept),
        tuple(values[place] for place in kept),
    )


def _spread(num: int) -> list[int]:
    """At most MAX_POINTS places out of `num`, evenly, with the first and the last."""
    if num <= MAX_POINTS:
        return list(range(num))
    return [place * (num - 1) // (MAX_POINTS - 1) for place in range(MAX_POINTS)]

"""The times of a series: read, checked for order and gaps, and continued."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from seqtrain.errors import DataError, show

STAMP = re.compile(
    r"(?P<day>\d{4}-\d\d(-\d\d)?)(?P<between>[T ])?(?P<clock>(?(between)\d\d:\d\d(:\d\d)?))"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?"
)
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True)
class Times:
    """Times at equal distances: numbers, or dates and times of the calendar.

    `first` and `last` are as they were written. `step` is in units of the numbers, in seconds, or in months.
    """

    name: str  # of their column
    first: str
    last: str
    step: float
    unit: str  # number, second or month

    def after(self, num: int) -> list[str]:
        """The `num` times that follow the last one, written like it."""
        if self.unit == "number":
            return [f"{float(self.last) + self.step * ahead:.12g}" for ahead in range(1, num + 1)]
        moment, pattern, zone = _parse(self.last)
        steps = range(1, num + 1)
        if self.unit == "month":
            moments = [_months_later(moment, int(self.step) * ahead) for ahead in steps]
        else:
            moments = [moment + timedelta(seconds=self.step * ahead) for ahead in steps]
        return [each.strftime(pattern) + zone for each in moments]

    @property
    def distance(self) -> str:
        """The distance from one time to the next: `1 hour`."""
        return _name_step(self.step, self.unit)

    def describe(self) -> str:
        """The first and the last time and their distance: `2016-07-01 to 2018-06-26, every hour`."""
        return f"{self.first} to {self.last}, every {self.distance.removeprefix('1 ')}"


def is_number(cell: str) -> bool:
    """Whether it is a finite number."""
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def read_times(cells: Sequence[tuple[int, str]], name: str, path: Path) -> Times:
    """Times, each with its line number, in ISO 8601 or as numbers.

    Raises:
        DataError: a cell is not a time, or the times are not in order or not at equal distances.
    """
    texts = [cell.strip() for _, cell in cells]
    lines = [line for line, _ in cells]
    if all(map(is_number, texts)):
        values = np.array([float(text) for text in texts])
        unit = "number"
    else:
        values, unit = _read_stamps(texts, lines, name, path), "second"
    _check_order(values, texts, lines, path)
    distances = np.diff(values)
    step = float(np.median(distances)) if len(distances) else 1.0
    if not np.allclose(distances, step, rtol=1e-6, atol=0):
        months = 0 if unit == "number" else _months_between(texts)
        if not months:
            _refuse_gap(distances, step, unit, texts, lines, path)
        step, unit = float(months), "month"
    return Times(name, texts[0], texts[-1], step, unit)


def _read_stamps(texts: list[str], lines: list[int], name: str, path: Path) -> npt.NDArray[np.float64]:
    seconds, zones = [], set()
    for text, line in zip(texts, lines, strict=True):
        try:
            moment, _, zone = _parse(text)
        except ValueError:
            problem = f"column {name} is {show(text)}; expected a time such as 2016-07-01 13:00, or a number"
            raise DataError(problem, path, line) from None
        zones.add(zone)
        if len(zones) > 1:
            raise DataError(
                f"column {name} is {show(text)}, in another time zone; write all in one", path, line
            )
        seconds.append((moment - datetime(1970, 1, 1)).total_seconds())
    return np.array(seconds)


def _parse(text: str) -> tuple[datetime, str, str]:
    """The time without its zone, the pattern by which it was written, and the zone."""
    found = STAMP.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, between, clock = found["day"], found["between"] or "", found["clock"] or ""
    pattern = "%Y-%m-%d"[: 8 if len(day) == 10 else 5] + between + "%H:%M:%S"[: len(clock)]
    return datetime.strptime(day + between + clock, pattern), pattern, found["zone"] or ""


def _check_order(values: npt.NDArray[np.float64], texts: list[str], lines: list[int], path: Path) -> None:
    wrong = np.flatnonzero(np.diff(values) <= 0)
    if len(wrong):
        index = int(wrong[0])
        if values[index] == values[index + 1]:
            raise DataError(f"the time {texts[index]} appears twice", path, lines[index + 1])
        problem = f"{texts[index + 1]} comes after {texts[index]}; sort the rows by time"
        raise DataError(problem, path, lines[index + 1])


def _refuse_gap(
    distances: npt.NDArray[np.float64],
    step: float,
    unit: str,
    texts: list[str],
    lines: list[int],
    path: Path,
) -> NoReturn:
    index = int(np.flatnonzero(~np.isclose(distances, step, rtol=1e-6, atol=0))[0])
    found, usual = (_name_step(float(each), unit) for each in (distances[index], step))
    problem = (
        f"from {texts[index]} to {texts[index + 1]} it is {found}, elsewhere mostly {usual}; times must be "
        "at equal distances: fill the gap first, for instance by interpolation"
    )
    raise DataError(problem, path, lines[index + 1])


def _months_between(texts: list[str]) -> int:
    """The months from each time to the next, if all are on one day of the month, or on the last; else 0."""
    moments = [_parse(text)[0] for text in texts]
    numbers = np.array([12 * each.year + each.month for each in moments])
    on_last_day = all((each + timedelta(days=1)).day == 1 for each in moments)
    on_one_day = len({(each.day, each.time()) for each in moments}) == 1
    steps = set(np.diff(numbers).tolist())
    return steps.pop() if len(steps) == 1 and (on_one_day or on_last_day) else 0


def _months_later(moment: datetime, months: int) -> datetime:
    """The same day of a later month, or its last day if the time is on the last day of a month."""
    years, month = divmod(moment.month - 1 + months, 12)
    if (moment + timedelta(days=1)).day > 1:
        return moment.replace(year=moment.year + years, month=month + 1)
    years, month = divmod(moment.month + months, 12)
    return moment.replace(year=moment.year + years, month=month + 1, day=1) - timedelta(days=1)


def _name_step(step: float, unit: str) -> str:
    if unit == "number":
        return f"{step:g}"
    size, name = (1, unit)
    if unit == "second":
        size, name = next((each for each in UNITS if step % each[0] == 0), UNITS[-1])
    number = step / size
    return f"{number:g} {name}{'s' * (number != 1)}"

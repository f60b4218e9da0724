"""Series in CSV files: a row for each time, a column for each series, and a column of times to check."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqtrain.data.files.text import BYTE_ORDER_MARK, open_lines
from seqtrain.data.files.times import Times, is_number, read_times
from seqtrain.errors import DataError, not_among, show
from seqtrain.spec import SeriesInputs

DELIMITERS = ",;\t"


@dataclass(frozen=True)
class TimeSeries:
    """Columns of numbers, a row for each time, in order and without gaps.

    `times` is None for rows that have none.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float64]  # (rows, columns)
    times: Times | None
    source: str = "series"  # for messages

    def __len__(self) -> int:
        return len(self.values)

    def choose(self, names: Sequence[str]) -> TimeSeries:
        """The columns of these names, in this order.

        Raises:
            DataError: a name is not that of a column.
        """
        index = {name: column for column, name in enumerate(self.names)}
        for name in names:
            if name not in index:
                raise DataError(f"column: {not_among(name, self.names)}", self.source)
        columns = [index[name] for name in names]
        return replace(self, names=tuple(names), values=self.values[:, columns])


def read_series(path: Path, time: str | None = None, columns: Sequence[str] | None = None) -> TimeSeries:
    """Read and check a CSV file with a header; cells are separated by commas, semicolons or tabs.

    Args:
        path: of the file.
        time: the column with times, in ISO 8601 or as numbers. By default it is the first column, unless its
            first cell is a number.
        columns: the columns to read, in this order; by default all but the times.

    Raises:
        DataError: the file has no such column, a cell is not a number, or the times are not in order or have
            gaps.
    """
    header, rows = _read_rows(path)
    if time is None and not is_number(rows[0][1][0]):
        time = header[0]
    wanted = [name for name in header if name != time] if columns is None else list(columns)
    known = set(header)
    for name in [*wanted, *([] if time is None else [time])]:
        if name not in known:
            raise DataError(f"column: {not_among(name, header)}", path)
    if not wanted:
        raise DataError("no column of numbers beside the times", path)
    times = None
    if time is not None:
        column = header.index(time)
        times = read_times([(line, cells[column]) for line, cells in rows], time, path)
    positions = {name: position for position, name in enumerate(header)}
    indices = [positions[name] for name in wanted]
    values = np.array([_read_numbers(cells, indices, header, path, line) for line, cells in rows])
    return TimeSeries(tuple(wanted), values, times, str(path))


def as_series(series: str | Path | TimeSeries, time: str | None, columns: Sequence[str]) -> TimeSeries:
    """These columns of a series, or of a CSV file; see `read_series`."""
    if isinstance(series, TimeSeries):
        return series.choose(columns)
    if not isinstance(series, (str, Path)):
        raise DataError(
            f"series: got {type(series).__name__}; expected a CSV file, or what seqtrain.data.read_series "
            "returns"
        )
    return read_series(Path(series), time, columns)


def last_window(series: TimeSeries, inputs: SeriesInputs) -> npt.NDArray[np.float64]:
    """The last rows of a series, (context, columns), from which a model with these inputs forecasts.

    Raises:
        DataError: the series is too short, or the time between its rows is not that of the model's data.
    """
    if len(series) < inputs.context:
        problem = f"{len(series):,} rows; the model reads the last {inputs.context:,}"
        raise DataError(problem, series.source)
    distance = None if series.times is None else series.times.distance
    if None not in (distance, inputs.distance) and distance != inputs.distance:
        problem = f"from one row to the next it is {distance}; the model was trained on {inputs.distance}"
        raise DataError(problem, series.source)
    return series.values[-inputs.context :]


def _read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and each row with its line number."""
    with open_lines(path) as lines:
        first = next(lines, "").removeprefix(BYTE_ORDER_MARK)
        delimiter = max(DELIMITERS, key=first.count)
        header = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter), [])]
        _check_header(header, path)
        rows = list(_checked(lines, delimiter, header, path))
    if not rows:
        raise DataError("no rows below the header", path)
    return header, rows


def _checked(
    lines: Iterator[str], delimiter: str, header: list[str], path: Path
) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for cells in reader:
            line = reader.line_num + 1
            if not cells:
                continue
            if len(cells) != len(header):
                raise DataError(f"{len(cells)} cells; the header has {len(header)}", path, line)
            yield line, cells
    except csv.Error as error:
        raise DataError(f"cannot be read as a table: {error}", path, reader.line_num + 1) from None


def _check_header(header: list[str], path: Path) -> None:
    if not header:
        raise DataError("empty; expected a CSV file with a header", path)
    if any(map(is_number, header)):
        problem = f"{show(header[0])} is not a name; expected a header with the names of the columns"
        raise DataError(problem, path, 1)
    name, count = Counter(header).most_common(1)[0]
    if count > 1:
        raise DataError(f"the column {show(name)} appears twice", path, 1)


def _read_numbers(
    cells: list[str], indices: list[int], header: list[str], path: Path, line: int
) -> list[float]:
    try:
        numbers = [float(cells[column]) for column in indices]
        if all(map(math.isfinite, numbers)):
            return numbers
    except ValueError:
        pass
    column = next(column for column in indices if not is_number(cells[column]))
    what = "is empty" if not cells[column].strip() else f"is {show(cells[column])}"
    problem = (
        f"column {header[column]} {what}; expected a number: fill gaps first, for instance by interpolation"
    )
    raise DataError(problem, path, line)

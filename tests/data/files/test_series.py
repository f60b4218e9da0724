from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqtrain.data import TimeSeries, read_series
from seqtrain.data.files.series import as_series
from seqtrain.errors import DataError


def write(folder: Path, content: str) -> Path:
    path = folder / "a.csv"
    path.write_text(content, encoding="utf-8")
    return path


def test_the_first_column_has_the_times_if_it_has_no_numbers(tmp_path: Path) -> None:
    series = read_series(write(tmp_path, "\ufeffday,load,wind\n2020-01-01,1,2.5\n2020-01-02,3,-1e3\n"))
    assert series.names == ("load", "wind")
    assert series.values.tolist() == [[1, 2.5], [3, -1000]]
    assert series.times is not None
    assert series.times.name == "day"


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_columns_and_times_by_name(tmp_path: Path, delimiter: str) -> None:
    lines = [["a", "b", "year"], ["1", "2", "1999"], ["3", "4", "2000"]]
    path = write(tmp_path, "\n".join(map(delimiter.join, lines)) + "\n")
    assert read_series(path).names == ("a", "b", "year")
    assert read_series(path).times is None
    series = read_series(path, time="year", columns=["b"])
    assert series.values.tolist() == [[2], [4]]
    assert series.times is not None
    assert series.times.after(1) == ["2001"]
    assert as_series(series, None, ["b"]).names == ("b",)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "empty; expected a CSV file with a header"),
        ("a,b\n", "no rows below the header"),
        ("a,b\n1,2\n3\n", "3: 1 cells; the header has 2"),
        ("1,2\n3,4\n", "1: '1' is not a name; expected a header with the names of the columns"),
        ("a,a\n3,4\n", "1: the column 'a' appears twice"),
        ('a,b\n1,"' + "2\n" * 100_000, "65538: cannot be read as a table: field larger than field limit"),
        (
            "a,b\n1,2\n3,\n",
            "3: column b is empty; expected a number: fill gaps first, for instance by interpolation",
        ),
        ("a,b\n1,2\n3,nan\n", "3: column b is 'nan'; expected a number"),
        ("a,b\n1,2\n3,x\n", "3: column b is 'x'; expected a number"),
        ("t\n2020-01-01\n", "no column of numbers beside the times"),
        ("t,a\n2020-01-02,1\n2020-01-01,2\n", "3: 2020-01-01 comes after 2020-01-02; sort the rows by time"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        read_series(write(tmp_path, content))
    assert str(caught.value).startswith(f"{tmp_path}/a.csv:{problem}") or problem in str(caught.value)


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "load,wind\n1,2\n")
    with pytest.raises(
        DataError, match=r"a\.csv: column: got 'laod', expected one of load, wind; did you mean"
    ):
        read_series(path, columns=["laod"])
    with pytest.raises(DataError, match=r"column: got 'when', expected one of load, wind"):
        read_series(path, time="when")
    series = TimeSeries(("a",), np.zeros((2, 1)), None)
    with pytest.raises(DataError, match=r"series: column: got 'b', expected one of a"):
        as_series(series, None, ["b"])
    with pytest.raises(DataError, match=r"series: got int; expected a CSV file"):
        as_series(3, None, ["b"])  # type: ignore[arg-type]


def test_binary_rubbish_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(DataError, match=r"a\.csv:2: the byte"):
        read_series(path)


def test_many_columns_are_read_in_a_moment(tmp_path: Path) -> None:
    names, numbers = ",".join(f"c{number}" for number in range(30_000)), ",".join(["1"] * 30_000)
    series = read_series(write(tmp_path, f"{names}\n{numbers}\n"))
    assert series.choose(series.names).values.shape == (1, 30_000)

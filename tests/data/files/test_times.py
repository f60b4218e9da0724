from __future__ import annotations

from pathlib import Path

import pytest

from seqtrain.data.files.times import Times, read_times
from seqtrain.errors import DataError


def read(*texts: str) -> Times:
    return read_times(list(enumerate(texts, start=2)), "when", Path("a.csv"))


@pytest.mark.parametrize(
    ("texts", "described", "following"),
    [
        (
            ["2016-07-01 00:00:00", "2016-07-01 01:00:00", "2016-07-01 02:00:00"],
            "2016-07-01 00:00:00 to 2016-07-01 02:00:00, every hour",
            ["2016-07-01 03:00:00", "2016-07-01 04:00:00"],
        ),
        (
            ["2020-02-28T23:45Z", "2020-02-29T00:00Z"],
            "2020-02-28T23:45Z to 2020-02-29T00:00Z, every 15 minutes",
            ["2020-02-29T00:15Z", "2020-02-29T00:30Z"],
        ),
        (["2020-12-30", "2020-12-31"], "2020-12-30 to 2020-12-31, every day", ["2021-01-01", "2021-01-02"]),
        (["2020-10", "2020-11", "2020-12"], "2020-10 to 2020-12, every month", ["2021-01", "2021-02"]),
        (
            ["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"],
            "2020-01-31 to 2020-04-30, every month",
            ["2020-05-31", "2020-06-30"],
        ),
        (
            ["2019-08-15", "2019-11-15", "2020-02-15", "2020-05-15"],
            "2019-08-15 to 2020-05-15, every 3 months",
            ["2020-08-15", "2020-11-15"],
        ),
        (["1998", "1999", "2000"], "1998 to 2000, every 1", ["2001", "2002"]),
        (["0.1", "0.2", "0.3"], "0.1 to 0.3, every 0.1", ["0.4", "0.5"]),
    ],
)
def test_times_are_described_and_continued(texts: list[str], described: str, following: list[str]) -> None:
    times = read(*texts)
    assert times.describe() == described
    assert times.after(2) == following


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["2020-01-02", "2020-01-01"], "a.csv:3: 2020-01-01 comes after 2020-01-02; sort the rows by time"),
        (["5", "4"], "a.csv:3: 4 comes after 5; sort the rows by time"),
        (["2020-01-02", "2020-01-02"], "a.csv:3: the time 2020-01-02 appears twice"),
        (
            ["2020-01-01", "2020-01-02", "2020-01-04", "2020-01-05"],
            "a.csv:4: from 2020-01-02 to 2020-01-04 it is 2 days, elsewhere mostly 1 day; times must be at"
            " equal distances: fill the gap first, for instance by interpolation",
        ),
        (["1", "2", "4", "5"], "a.csv:4: from 2 to 4 it is 2, elsewhere mostly 1; times must be"),
        (["2020-01-01", "1/2/2020"], "a.csv:3: column when is '1/2/2020'; expected a time such as"),
        (["2020-01-01", "2020-13-01"], "a.csv:3: column when is '2020-13-01'; expected a time such as"),
        (
            ["2020-01-01 00:00Z", "2020-01-01 02:00+01:00"],
            "a.csv:3: column when is '2020-01-01 02:00+01:00', in another time zone; write all in one",
        ),
    ],
)
def test_what_is_out_of_order_is_named(texts: list[str], problem: str) -> None:
    with pytest.raises(DataError) as caught:
        read(*texts)
    assert str(caught.value).startswith(problem)

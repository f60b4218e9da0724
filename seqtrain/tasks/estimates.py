"""How predicted numbers are shown, in the terminal, as JSON, as TSV and as CSV. Needs no torch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from seqtrain.errors import printable_json, printable_line
from seqtrain.predictions import Estimate, Given
from seqtrain.spec import Horizon, Numbers

DIGITS = 6  # significant digits
MEDIAN = 0.5  # the quantile that is the prediction itself


def show_numbers(name: str, answer: Estimate, form: str, targets: Numbers) -> str:
    """The answer to the sequence of this name, with its line end: `form` is table, json or tsv."""
    if form == "json":
        return printable_json({"input": name} | _plain(answer, targets)) + "\n"
    rows = _rows(answer)
    if form == "table":
        labels = _labels(answer, targets)
        rows = ([f"{label}={cell}" for label, cell in zip(labels, row, strict=True)] for row in rows)
    between = "\t" if form == "tsv" else "  "
    return "".join(between.join([printable_line(name), *row]) + "\n" for row in rows)


def show_forecast(given: Given, answer: Estimate, form: str, targets: Horizon) -> str:
    """The next values of the series in a file: `form` is table, json, tsv or csv, with a header."""
    name, times = "ahead", [str(ahead) for ahead in range(1, targets.length + 1)]
    if given.source is not None:
        name, times = printable_line(given.source.name), given.source.after(targets.length)
    if form == "json":
        return printable_json({"input": given.name, "times": times} | _plain(answer, targets)) + "\n"
    rows = [[name, *_labels(answer, targets)]]
    rows += ([time, *row] for time, row in zip(times, _rows(answer), strict=True))
    if form == "table":
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        aligned = ([cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
        return "".join("  ".join(row) + "\n" for row in aligned)
    text = io.StringIO()
    csv.writer(text, delimiter="\t" if form == "tsv" else ",", lineterminator="\n").writerows(rows)
    return text.getvalue()


def _plain(answer: Estimate, targets: Numbers) -> dict[str, Any]:
    plain: dict[str, Any] = {"values": _by_name(answer.values, targets)}
    if answer.quantiles:
        plain["quantiles"] = {str(p): _by_name(each, targets) for p, each in answer.quantiles.items()}
    return plain


def _by_name(values: npt.NDArray[np.float32], targets: Numbers) -> dict[str, Any]:
    """A number, or a list with one for each time step, by name."""
    return {
        name: [_rounded(each) for each in column] if column.ndim else _rounded(column)
        for name, column in zip(targets.names, np.moveaxis(values, -1, 0), strict=True)
    }


def _labels(answer: Estimate, targets: Numbers) -> list[str]:
    names = list(map(printable_line, targets.names))
    return [*names, *(f"{name}/{share}" for share in answer.quantiles if share != MEDIAN for name in names)]


def _rows(answer: Estimate) -> Iterator[list[str]]:
    """A row for the sequence, or one for each time step: the values, then those of the quantiles."""
    others = (values for share, values in answer.quantiles.items() if share != MEDIAN)
    columns = np.concatenate([answer.values, *others], axis=-1)
    for row in np.atleast_2d(columns):
        yield [f"{value:.{DIGITS}g}" for value in row.tolist()]


def _rounded(value: Any) -> float:
    return float(f"{float(value):.{DIGITS}g}")

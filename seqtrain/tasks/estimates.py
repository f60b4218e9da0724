"""How predicted numbers are shown, in the terminal, as JSON and as TSV. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from seqtrain.errors import printable_line
from seqtrain.predictions import Estimate
from seqtrain.spec import Numbers

DIGITS = 6  # significant ones


def show_numbers(name: str, answer: Estimate, form: str, targets: Numbers) -> str:
    """The answer to the sequence of this name, with its line end: `form` is table, json or tsv."""
    if form == "json":
        plain: dict[str, Any] = {"input": name, "values": _by_name(answer.values, targets)}
        if answer.quantiles:
            plain["quantiles"] = {str(p): _by_name(each, targets) for p, each in answer.quantiles.items()}
        return json.dumps(plain, ensure_ascii=False) + "\n"
    if form == "tsv":
        rows = ("\t".join([printable_line(name), *row]) for row in _rows(answer))
    else:
        labels = [f"{printable_line(each)}=" for each in _labels(answer, targets)]
        cells = ((label + cell for label, cell in zip(labels, row, strict=True)) for row in _rows(answer))
        rows = ("  ".join([printable_line(name), *row]) for row in cells)
    return "".join(f"{row}\n" for row in rows)


def _by_name(values: npt.NDArray[np.float32], targets: Numbers) -> dict[str, Any]:
    """A number, or a list with one for each time step, by name."""
    return {
        name: [_rounded(each) for each in column] if column.ndim else _rounded(column)
        for name, column in zip(targets.names, np.moveaxis(values, -1, 0), strict=True)
    }


def _labels(answer: Estimate, targets: Numbers) -> list[str]:
    return [*targets.names, *(f"{name}/{share}" for share in answer.quantiles for name in targets.names)]


def _rows(answer: Estimate) -> Iterator[list[str]]:
    """A row for the sequence, or one for each time step: the values, then those of each quantile."""
    columns = np.concatenate([answer.values, *answer.quantiles.values()], axis=-1)
    for row in np.atleast_2d(columns):
        yield [f"{value:.{DIGITS}g}" for value in row.tolist()]


def _rounded(value: Any) -> float:
    return float(f"{float(value):.{DIGITS}g}")

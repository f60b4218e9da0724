"""Many runs as one value in Python: `seqtrain.runs("runs")`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import overload

from seqtrain.errors import printable
from seqtrain.runs.report.axes import filter_runs
from seqtrain.runs.report.collect import Run, collect_runs
from seqtrain.runs.report.formats import render
from seqtrain.runs.report.groups import compare_runs


@dataclass(frozen=True, repr=False)
class Runs(Sequence[Run]):
    """Runs in the order of their paths; printed, they are the table of `seqtrain report`.

    `problems` has a line for each folder that could not be read.
    """

    members: tuple[Run, ...]
    problems: tuple[str, ...] = ()

    def where(self, conditions: str) -> Runs:
        """The runs that meet all conditions, as in `model=lstm,hidden_size>=64`.

        Raises:
            seqtrain.errors.ConfigError: a condition cannot be read, or no run has such a key.
        """
        return Runs(tuple(filter_runs(self.members, conditions)), self.problems)

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | slice) -> Run | Runs:
        return Runs(self.members[index], self.problems) if isinstance(index, slice) else self.members[index]

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        table = render(compare_runs(self.members), "table").rstrip() if self.members else "no runs"
        return printable("\n".join([table, *self.problems]))


def runs(*folders: str | PathLike[str]) -> Runs:
    """The runs in and below these folders, by default in `runs`.

    Raises:
        seqtrain.errors.ConfigError: one of the folders does not exist.
    """
    found = collect_runs([Path(folder) for folder in folders or ("runs",)])
    return Runs(found.runs, found.problems)

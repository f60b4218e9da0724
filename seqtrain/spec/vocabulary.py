"""Strings and their ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Vocabulary:
    """Strings and their ids; 0 is padding, 1 the unknown string.

    `counts` holds how often each entry of `entries` occurred in the training part (0 for entries
    from elsewhere, such as pretrained vectors, which come last).
    """

    entries: tuple[str, ...]  # without the two reserved ids: entries[0] has id 2
    counts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.entries) + 2

    @cached_property
    def num_counted(self) -> int:
        """How many entries occurred in the training part."""
        return sum(count > 0 for count in self.counts)

    def index(self) -> Mapping[str, int]:
        """The id of each entry."""
        return self._index

    @cached_property
    def _index(self) -> dict[str, int]:
        return {entry: number for number, entry in enumerate(self.entries, start=2)}

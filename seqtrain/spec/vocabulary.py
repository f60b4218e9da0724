"""Strings and their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Vocabulary:
    """Strings and their ids; 0 is padding, 1 the unknown string.

    `counts` holds how often each entry of `entries` occurred in train (0 for entries
    from elsewhere, such as pretrained vectors, which come last).
    """

    entries: tuple[str, ...]  # without the two reserved ids: entries[0] has id 2
    counts: tuple[int, ...]

    @classmethod
    def of(cls, counts: Mapping[str, int], min_count: int = 1) -> Vocabulary:
        """The strings that occur at least `min_count` times, the most frequent first, ties by alphabet."""
        kept = sorted((-count, entry) for entry, count in counts.items() if count >= min_count)
        return cls(tuple(entry for _, entry in kept), tuple(-count for count, _ in kept))

    def extended(self, others: Iterable[str]) -> Vocabulary:
        """The vocabulary, followed by those of `others` that it lacks, in their order and with count 0."""
        added = tuple(entry for entry in others if entry not in self._index)
        return Vocabulary(self.entries + added, self.counts + (0,) * len(added))

    def __len__(self) -> int:
        return len(self.entries) + 2

    @cached_property
    def num_counted(self) -> int:
        """How many entries occurred in train."""
        return sum(count > 0 for count in self.counts)

    def index(self) -> Mapping[str, int]:
        """The id of each entry."""
        return self._index

    @cached_property
    def _index(self) -> dict[str, int]:
        return {entry: number for number, entry in enumerate(self.entries, start=2)}

"""What every source of data offers, whatever it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from seqtrain.batch import DataSpec, SequenceBatch

SPLITS = ("train", "dev", "test")


class Dataset(Protocol):
    """Sequences held in memory, from which a batch is cut by indexing."""

    @property
    def lengths(self) -> Tensor:
        """(num_sequences,) int64: steps of each sequence, at least 1."""

    def batch(self, indices: Tensor | Sequence[int]) -> SequenceBatch:
        """The sequences at `indices`, in that order, padded to the longest of them."""


@dataclass(frozen=True)
class Batching:
    """How sequences are grouped: in training at most `batch_size` of them with at most `max_tokens` steps in
    all (None: no bound), in evaluation at most `eval_batch_size` of them."""

    batch_size: int
    max_tokens: int | None
    eval_batch_size: int

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_tokens", "eval_batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


@dataclass(frozen=True)
class Corpus:
    """A data set after reading: `spec` for the model, and the splits train, dev and test."""

    spec: DataSpec
    splits: dict[str, Dataset]

    def describe(self) -> str:
        """One line: how much is in each split, number of classes, sizes of the vocabularies."""
        sequences, steps = ("sequences", "steps") if self.spec.words is None else ("sentences", "words")
        parts = [
            f"{name} {len(split.lengths):,} {sequences} ({int(split.lengths.sum()):,} {steps})"
            for name, split in self.splits.items()
        ]
        parts.append(f"{self.spec.num_targets} classes")
        if self.spec.words is not None and self.spec.characters is not None:
            parts.append(f"{len(self.spec.words):,} known words, {len(self.spec.characters):,} characters")
        return "; ".join(parts)


class Source(Protocol):
    """What `data:` in the configuration builds."""

    batching: Batching

    def load(self) -> Corpus:
        """Read (and download, where that is possible) the data; raise DataError where it cannot be used."""

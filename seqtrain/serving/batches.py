"""Which sequences are answered together, so that memory stays bounded for any input. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

BATCH_SIZE = 256  # sequences
LETTERS = 8  # that the words of a batch may have, for each step that it may have

ReadBatch = TypeVar("ReadBatch", covariant=True)


class Encoded(Protocol[ReadBatch]):
    """Sequences as a model reads them, from which batches are built by index."""

    @property
    def lengths(self) -> Any:
        """(num_sequences,) steps of each sequence, an array or a tensor."""

    def batch(self, indices: Sequence[int]) -> ReadBatch:
        """The sequences at `indices`, in that order, padded to the longest of them."""


@runtime_checkable
class Spelt(Protocol):
    """What encoded sentences also have, for models that read letters."""

    @property
    def num_letters(self) -> Any:
        """(num_sequences,) the number of letters in the words of each."""


def batches_of(dataset: Encoded[Any], max_steps: int) -> Iterator[list[int]]:
    """Indices of the sequences, the longest first.

    A batch has at most BATCH_SIZE sequences, `max_steps` steps, padding included, and LETTERS letters for
    each of these. It is ended where its sequences become much shorter than the first, unless it is small.
    A sequence that has more by itself is a batch of its own.
    """
    lengths = dataset.lengths.tolist()
    letters = dataset.num_letters.tolist() if isinstance(dataset, Spelt) else [0] * len(lengths)
    batch: list[int] = []
    num_letters = 0
    for index in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        num_letters += letters[index]
        if batch and (
            len(batch) == BATCH_SIZE
            or (len(batch) + 1) * lengths[batch[0]] > max_steps
            or num_letters > LETTERS * max_steps
            or (lengths[index] < 0.8 * lengths[batch[0]] and 4 * len(batch) * lengths[batch[0]] >= max_steps)
        ):
            yield batch
            batch, num_letters = [], letters[index]
        batch.append(index)
    if batch:
        yield batch

"""Batches of sequences of similar length, drawn again for every epoch, and the loops that read them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtrain.data.corpus import Batching, Dataset, Order, OwnOrder
from seqtrain.records import SequenceBatch

Indices = npt.NDArray[np.int64]

# More buckets need less padding, fewer mix sequences better; a bucket of under four batches hardly mixes.
MAX_BUCKETS = 10
MIN_BATCHES_PER_BUCKET = 4


class FixedLoader:
    """The same batches in the same order each time; `batches` has for each what `dataset.batch` is given,
    by default the indices of its sequences.
    """

    def __init__(self, dataset: Dataset, batches: Sequence[Any]) -> None:
        self._dataset, self.batches = dataset, batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[SequenceBatch]:
        return map(self._dataset.batch, self.batches)


class BatchLoader:
    """The batches of one epoch after another, resumable after any batch.

    A pass over the loader is an epoch. The trainer sets its number with `set_epoch`; otherwise every pass has
    the number after that of the pass before. A pass begins when its first batch is requested, so that
    creating an iterator without using it, as Lightning does, has no effect.
    """

    def __init__(self, dataset: Dataset, order: Order) -> None:
        self._dataset, self._order = dataset, order
        self._epoch = 0
        self._given = 0  # batches of this epoch that have been yielded
        self._resuming = False  # the next pass continues after them

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[SequenceBatch]:
        if self._given and not self._resuming:
            self.set_epoch(self._epoch + 1)
        self._resuming = False
        for indices in self._order.batches(self._epoch)[self._given :]:
            self._given += 1
            yield self._dataset.batch(indices)

    @property
    def sampler(self) -> BatchLoader:
        """Itself: Lightning calls `loader.sampler.set_epoch` before each epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Start `epoch` from its beginning in the next pass; the current epoch is not restarted."""
        if epoch != self._epoch:
            self._epoch, self._given, self._resuming = epoch, 0, False

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self._epoch, "batches_given": self._given}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._epoch, self._given = state["epoch"], state["batches_given"]
        self._resuming = True


def training_order(
    dataset: Dataset, batching: Batching, seed: int, rank: int = 0, world_size: int = 1
) -> Order:
    """How a dataset is batched in training: as it says itself, or by the lengths of its sequences."""
    if isinstance(dataset, OwnOrder):
        return dataset.order(batching, seed, rank, world_size)
    return BatchSampler(dataset.lengths, batching, seed, rank, world_size)


def evaluation_batches(
    dataset: Dataset, batching: Batching, rank: int = 0, world_size: int = 1
) -> Sequence[Any]:
    """How a dataset is batched in an evaluation: as it says itself, or by the lengths of its sequences."""
    if isinstance(dataset, OwnOrder):
        return dataset.evaluation_batches(batching, rank, world_size)
    return sorted_batches(dataset.lengths, batching.eval_batch_size, rank, world_size)


class BatchSampler:
    """Draw the batches of an epoch as a pure function of `seed` and the epoch number.

    The sequences, sorted by length with ties in random order, are cut into a few buckets, and each bucket is
    dealt out like cards: in every round, each batch of the bucket gets one of the next sequences at random.
    The batches of a bucket therefore have the same size (give or take one sequence), and their numbers of
    time steps differ by at most the spread of the lengths in the bucket. The number of batches is the same in
    every epoch, which learning-rate schedules rely on. No sequence is left out or repeated, no batch exceeds
    `max_tokens` unless a single sequence does, and sequences of equal length are shuffled uniformly. Within a
    batch, sequences are sorted by decreasing length.

    With several processes, each takes every `world_size`-th batch. All get the same number: if the batches
    cannot be divided evenly, the largest are split in two.
    """

    def __init__(
        self, lengths: Tensor, batching: Batching, seed: int, rank: int = 0, world_size: int = 1
    ) -> None:
        self._lengths: Indices = lengths.numpy()
        self._seed, self._rank, self._world_size = seed, rank, world_size
        self._buckets = _cut_buckets(-np.sort(-self._lengths), batching)
        self._num_batches = sum(count for _, _, count in self._buckets)

    def __len__(self) -> int:
        """Batches of one epoch for this process."""
        return _divide_up(self._num_batches, self._world_size)

    def batches(self, epoch: int) -> list[Tensor]:
        """The indices of each batch of `epoch`, in order."""
        # RandomState, not default_rng, because NumPy guarantees that its numbers never change.
        random = np.random.RandomState([self._seed, epoch])
        order = np.lexsort((random.permutation(len(self._lengths)), -self._lengths))
        drawn: list[Indices] = []
        for start, stop, count in self._buckets:
            drawn += _deal(order[start:stop], count, random)
        shuffled = [torch.from_numpy(drawn[index]) for index in random.permutation(len(drawn))]
        shuffled = _fill_up(shuffled, len(self) * self._world_size)
        return shuffled[self._rank :: self._world_size]


def _fill_up(batches: list[Tensor], wanted: int) -> list[Tensor]:
    """Split the largest batches until there are `wanted`, so that no sequence is left out or repeated."""
    batches = list(batches)
    while len(batches) < wanted:
        largest = max(range(len(batches)), key=lambda number: len(batches[number]))
        if len(batches[largest]) == 1:  # fewer sequences than processes: some get the same ones
            return [batches[number % len(batches)] for number in range(wanted)]
        half = len(batches[largest]) // 2
        batches.append(batches[largest][half:])
        batches[largest] = batches[largest][:half]
    return batches


def sorted_batches(lengths: Tensor, batch_size: int, rank: int = 0, world_size: int = 1) -> list[Tensor]:
    """The batches of an evaluation: every sequence once, longest first, at most `batch_size` at a time.

    They are smaller where a split would otherwise not have a batch for each of `world_size` processes.
    """
    batch_size = min(batch_size, max(1, _divide_up(len(lengths), world_size)))
    order = torch.argsort(lengths, descending=True, stable=True)
    return list(torch.split(order, batch_size))[rank::world_size]


def _cut_buckets(falling: Indices, batching: Batching) -> list[tuple[int, int, int]]:
    """Cut the sorted lengths into buckets (start, stop, number of batches) of about as many batches each."""
    limit = batching.max_tokens or np.inf
    too_long = int((falling > limit).sum())
    buckets = [(0, too_long, too_long)] if too_long else []
    rest = falling[too_long:]
    if len(rest) == 0:
        return buckets
    share = np.maximum(1 / batching.batch_size, rest / limit).cumsum()  # of a batch that each one fills
    varied = rest[0] != rest[-1]
    number = min(MAX_BUCKETS, max(1, int(share[-1]) // MIN_BATCHES_PER_BUCKET)) if varied else 1
    cuts = np.searchsorted(share, share[-1] * np.arange(1, number) / number).tolist()
    edges = [0, *cuts, len(rest)]
    for start, stop in itertools.pairwise(edges):
        if start < stop:
            count = _count_batches(rest[start:stop], batching.batch_size, limit)
            buckets.append((too_long + start, too_long + stop, count))
    return buckets


def _count_batches(falling: Indices, batch_size: int, limit: float) -> int:
    """The fewest batches that stay within the bounds, even if one gets the longest of every round."""
    count = max(_divide_up(len(falling), batch_size), int(np.ceil(falling.sum() / limit)))
    while falling[::count].sum() > limit:
        count += 1
    return count


def _deal(sequences: Indices, count: int, random: np.random.RandomState) -> list[Indices]:
    """Deal sorted sequences to `count` batches, round by round, each round in random order."""
    rounds = _divide_up(len(sequences), count)
    table = np.full((rounds, count), -1)
    table.flat[: len(sequences)] = sequences
    columns = random.random_sample(table.shape).argsort(axis=1)
    dealt = np.take_along_axis(table, columns, axis=1).T
    return [batch[batch >= 0] for batch in dealt]


def _divide_up(number: int, divisor: int) -> int:
    """number / divisor, rounded up."""
    return -(-number // divisor)

"""Long sequences, read piece by piece, while the state is carried on from one piece to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqtrain.data.batching.datasets import FlatDataset, pad
from seqtrain.data.batching.loader import sorted_batches
from seqtrain.data.corpus import Batching
from seqtrain.records import SequenceBatch, filler_of, hide, valid_steps


@dataclass(frozen=True)
class Stretch:
    """The next steps of some sequences that are read side by side; sequences that have ended are left out.

    `is_filler` marks what a process reads only because others have more to read; it does not count.
    """

    sequences: Tensor  # (rows,) indices, the longest first
    first: int
    num_steps: int  # of the longest
    is_filler: bool = False


@dataclass(frozen=True)
class PiecewiseDataset:
    """Sequences with a target for each step, in pieces of `steps` time steps."""

    whole: FlatDataset
    steps: int

    @property
    def lengths(self) -> Tensor:
        """(num_sequences,) the lengths of the whole sequences."""
        return self.whole.lengths

    def batch(self, chosen: Stretch | Tensor | Sequence[int]) -> SequenceBatch:
        """The next steps of some sequences, or whole ones by their index."""
        if not isinstance(chosen, Stretch):
            return self.whole.batch(chosen)
        left = self.lengths[chosen.sequences] - chosen.first
        sequences, lengths = chosen.sequences[left > 0], left[left > 0].clamp(max=chosen.num_steps)
        valid = valid_steps(lengths, int(lengths.max()))
        begins = self.whole.starts[sequences, None] + chosen.first
        rows = (begins + torch.arange(valid.shape[1]))[valid]
        inputs, targets = pad(self.whole.inputs[rows], valid, 0), self.whole.targets
        if targets is not None:
            targets = pad(targets[rows], valid, filler_of(targets))
            targets = hide(targets, torch.full(valid.shape, chosen.is_filler))
        starts = torch.full((len(sequences),), chosen.first == 0)
        return SequenceBatch(inputs, lengths, targets, starts=starts)

    def order(self, batching: Batching, seed: int, rank: int, world_size: int) -> PiecewiseOrder:
        """Groups of sequences of similar length, in another order in each epoch."""
        return PiecewiseOrder(self.lengths, batching.batch_size, self.steps, seed, rank, world_size)

    def evaluation_batches(self, batching: Batching, rank: int, world_size: int) -> list[Stretch]:
        """Every sequence once."""
        return PiecewiseOrder(
            self.lengths, batching.eval_batch_size, self.steps, 0, rank, world_size
        ).in_order()


class PiecewiseOrder:
    """Groups of sequences that are read side by side, each from its beginning to its end.

    The groups have sequences of similar length, the same ones in every epoch, so that the number of batches
    is always the same; their order is shuffled in every epoch. With several processes each has groups of
    its own, and those with fewer pieces also read fillers, which do not count.

    Args:
        lengths: (num_sequences,) of the sequences.
        batch_size: sequences in a group.
        steps: time steps of a piece.
        seed: of the order of the groups.
        rank: of this process.
        world_size: the number of processes.
    """

    def __init__(
        self, lengths: Tensor, batch_size: int, steps: int, seed: int, rank: int, world_size: int
    ) -> None:
        self._lengths, self._steps, self._seed, self._rank = lengths, steps, seed, rank
        by_rank = [sorted_batches(lengths, batch_size, each, world_size) for each in range(world_size)]
        self._groups = by_rank[rank]
        self._num_batches = max(sum(map(self._count, groups)) for groups in by_rank)

    def __len__(self) -> int:
        return self._num_batches

    def batches(self, epoch: int) -> list[Stretch]:
        """The pieces of an epoch."""
        order = np.random.RandomState([self._seed, epoch, self._rank]).permutation(len(self._groups))
        return self._cut([self._groups[number] for number in order])

    def in_order(self) -> list[Stretch]:
        """The pieces of an evaluation, those of the longest sequences first."""
        return self._cut(self._groups)

    def _count(self, group: Tensor) -> int:
        return -(-int(self._lengths[group].max()) // self._steps)

    def _cut(self, groups: Sequence[Tensor]) -> list[Stretch]:
        pieces = [
            Stretch(group, number * self._steps, self._steps)
            for group in groups
            for number in range(self._count(group))
        ]
        filler = Stretch(torch.tensor([0]), 0, 1, is_filler=True)
        return pieces + [filler] * (len(self) - len(pieces))

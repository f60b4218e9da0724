"""Streams: parts of a text that are read side by side, piece by piece, while the state is carried on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# As in Merity et al. (2018): lengths vary by a few steps, and one in twenty is half as long.
DEVIATION = 5.0
SHARE_OF_HALVES = 0.05


@dataclass(frozen=True)
class Streams:
    """How a text is cut for truncated back-propagation through time.

    Args:
        steps: how many steps of each stream a batch has, about: as far as a gradient reaches back.
        random_steps: draw the number of steps for every batch (Merity et al., 2018), so that the text is cut
            at different points in every epoch; otherwise all batches have the same number.
        restarts: the share of the streams that restart from the state zero with each batch: a network that
            never meets this state in training is bad at the beginning of a text.
    """

    steps: int
    random_steps: bool = False
    restarts: float = 0.0


@dataclass(frozen=True)
class Piece:
    """The next steps of some streams."""

    positions: Tensor  # (streams,) int64: where in the text each continues
    num_steps: int
    starts: Tensor  # (streams,) bool: which streams begin or restart


class StreamOrder:
    """A text cut into equal streams, and each epoch into pieces of all of them.

    Every process reads its own streams. What is left over at the end of the text, less than one token per
    stream, is not trained on. The number of pieces is the same in every epoch.

    Args:
        num_tokens: of the text, the last one included, which is only a target.
        num_streams: of each process.
        streams: how the text is cut.
        seed: of the lengths and the restarts.
        rank: of this process.
        world_size: the number of processes.
    """

    def __init__(
        self,
        num_tokens: int,
        num_streams: int,
        streams: Streams,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self._streams, self._seed = streams, seed
        self._total = num_streams * world_size
        self._of_this_process = slice(rank * num_streams, (rank + 1) * num_streams)
        self._length = (num_tokens - 1) // self._total
        if self._length < 1:
            raise ValueError(f"{num_tokens} tokens are too few for {self._total} streams")

    def __len__(self) -> int:
        return -(-self._length // self._streams.steps)

    def batches(self, epoch: int) -> list[Piece]:
        """The pieces of an epoch, all streams from their beginning to their end."""
        random = np.random.RandomState([self._seed, epoch])
        cuts = self._cut(random)
        begins = torch.arange(self._total)[self._of_this_process] * self._length
        restarts = random.random_sample((len(self), self._total)) < self._streams.restarts
        restarts[0] = True
        starts = torch.from_numpy(restarts[:, self._of_this_process])
        return [
            Piece(begins + int(first), int(last - first), starts[number])
            for number, (first, last) in enumerate(itertools.pairwise(cuts))
        ]

    def _cut(self, random: np.random.RandomState) -> npt.NDArray[np.int64]:
        """Where the pieces of a stream begin, and its end."""
        count, steps = len(self), self._streams.steps
        lengths = np.ones(count)
        if self._streams.random_steps:
            means = np.where(random.random_sample(count) < SHARE_OF_HALVES, steps / 2, steps)
            lengths = np.maximum(random.normal(means, DEVIATION), steps / 10)
        rest = np.rint(lengths.cumsum() / lengths.sum() * (self._length - count))  # each piece has one more
        cuts: npt.NDArray[np.int64] = np.concatenate(([0], rest + np.arange(1, count + 1))).astype(np.int64)
        return cuts


def whole_text(num_tokens: int, steps: int) -> list[Piece]:
    """The pieces of an evaluation: a text as one stream, so that no batch size changes its loss."""
    start = torch.ones(1, dtype=torch.bool)
    return [
        Piece(torch.tensor([first]), min(steps, num_tokens - 1 - first), start & (first == 0))
        for first in range(0, num_tokens - 1, steps)
    ]

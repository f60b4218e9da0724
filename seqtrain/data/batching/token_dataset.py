"""A text as one long sequence of tokens, of which each is to be predicted from those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.data.batching.streams import Piece, StreamOrder, Streams, whole_text
from seqtrain.data.corpus import Batching
from seqtrain.data.tokens import visible
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.spec import TokenInputs

EVALUATION_STEPS = 512  # of a batch: the scores of all its steps are in memory together


@dataclass(frozen=True)
class TokenDataset:
    """A text of at least two tokens.

    It is trained on in streams, and evaluated as a single one. Indices select pieces of `streams.steps`
    tokens, such as those that figures show.
    """

    tokens: Tensor  # (tokens,) int32 ids
    streams: Streams
    inputs: TokenInputs

    def words(self, index: int) -> list[str]:
        """The tokens that a piece reads, with signs for what cannot be seen."""
        first = index * self.streams.steps
        ids = self.tokens[first : first + int(self.lengths[index])].tolist()
        return [visible(self.inputs.tokens.name(number)) for number in ids]

    @property
    def lengths(self) -> Tensor:
        """(pieces,) the steps of each; the last may have fewer."""
        num_steps, steps = len(self.tokens) - 1, self.streams.steps
        lengths = torch.full((-(-num_steps // steps),), steps)
        lengths[-1] = num_steps - (len(lengths) - 1) * steps
        return lengths

    def batch(self, chosen: Piece | Tensor | Sequence[int]) -> SequenceBatch:
        """The next steps of some streams, or pieces by their index."""
        if isinstance(chosen, Piece):
            lengths = torch.full_like(chosen.positions, chosen.num_steps)
            return self._read(chosen.positions, lengths, chosen.starts)
        indices = torch.as_tensor(chosen)
        return self._read(indices * self.streams.steps, self.lengths[indices])

    def order(self, batching: Batching, seed: int, rank: int, world_size: int) -> StreamOrder:
        """Batches of the next steps of `batching.batch_size` streams."""
        return StreamOrder(len(self.tokens), batching.batch_size, self.streams, seed, rank, world_size)

    def evaluation_batches(self, batching: Batching, rank: int, world_size: int) -> Sequence[Piece]:
        """The whole text once, by the first process; the others get a batch without targets that count."""
        if rank == 0:
            return whole_text(len(self.tokens), EVALUATION_STEPS)
        return [Piece(torch.tensor([len(self.tokens) - 1]), 1, torch.tensor([True]))]

    def _read(self, positions: Tensor, lengths: Tensor, starts: Tensor | None = None) -> SequenceBatch:
        offsets = torch.arange(int(lengths.max()))
        steps = positions[:, None] + offsets
        last = len(self.tokens) - 1
        inputs = self.tokens[steps.clamp(max=last)]
        targets = self.tokens[(steps + 1).clamp(max=last)].long()
        unknown = (steps >= last) | (offsets >= lengths[:, None])  # nothing follows the last token
        inputs = inputs.masked_fill(offsets >= lengths[:, None], 0)
        return SequenceBatch(inputs, lengths, targets.masked_fill(unknown, IGNORED), starts=starts)

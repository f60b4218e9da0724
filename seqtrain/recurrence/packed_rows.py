"""A padded batch as packed rows, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from seqtrain.recurrence.walk import PackedWalk


@dataclass(frozen=True)
class PackedRows:
    """A padded batch as packed rows, and the way back from the rows of both directions."""

    packed: PackedSequence
    walk: PackedWalk
    num_directions: int
    time: int  # of the padded batch

    @classmethod
    def pack(cls, features: Tensor, lengths: Tensor, num_directions: int) -> PackedRows:
        packed = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
        walk = PackedWalk(packed.batch_sizes.tolist(), features.device)
        return cls(packed, walk, num_directions, features.size(1))

    def sort(self, states: Tensor) -> Tensor:
        """(..., B, H) from the order of the batch to the order of the rows."""
        return states.index_select(-2, cast(Tensor, self.packed.sorted_indices))

    def restore(self, states: Tensor) -> Tensor:
        """(..., B, H) from the order of the rows to the order of the batch."""
        return states.index_select(-2, cast(Tensor, self.packed.unsorted_indices))

    def pad(self, rows: Tensor) -> Tensor:
        """Rows (N, F) as (batch, time, F), zero beyond a sequence's length."""
        packed = self.packed._replace(data=rows)
        padded, _ = pad_packed_sequence(packed, batch_first=True, total_length=self.time)
        return padded

    def lay_out(self, steps: Sequence[tuple[Tensor, ...]]) -> list[tuple[Tensor, ...]]:
        """Values after each step of the walk, (D, b, H) each, by direction: (batch, time, H) each."""
        joined = [torch.cat(parts, dim=1).unbind(0) for parts in zip(*steps, strict=True)]
        forward = tuple(self.pad(part[0]) for part in joined)
        backward = tuple(self.pad(self.walk.reverse(part[-1])) for part in joined)
        return [forward, backward][: self.num_directions]

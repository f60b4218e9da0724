"""Packed rows: which belong to each time step, how both directions visit them, how they are padded again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import cast

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


class PackedWalk:
    """The walk of all directions over the rows of one batch of sequences.

    Rows are ordered as in a PackedSequence: step by step, the longest sequence first, so that step s owns the
    rows `offsets[s] : offsets[s] + batch_sizes[s]`. A padded tensor (T, B, ...) with its first two
    dimensions flattened is the case in which all batch sizes are equal.

    The forward direction visits the rows in that order. The backward direction starts at each sequence's own
    end; in the order in which it visits them, its rows have the same batch sizes. So both directions take the
    same steps, side by side, and neither ever sees padding.
    """

    def __init__(self, batch_sizes: Sequence[int], device: torch.device) -> None:
        self.batch_sizes = list(batch_sizes)
        self.device = device
        self.num_rows = sum(self.batch_sizes)
        self.is_dense = self.batch_sizes[0] == self.batch_sizes[-1]

    @cached_property
    def offsets(self) -> list[int]:
        """First row of each step, and the number of rows at the end: T + 1 numbers."""
        return [0, *accumulate(self.batch_sizes)]

    @cached_property
    def lengths(self) -> Tensor:
        """Length of each sequence, on the CPU: (B,)."""
        sizes = torch.tensor(self.batch_sizes)
        return (sizes[:, None] > torch.arange(self.batch_sizes[0])).sum(0)

    @cached_property
    def _steps_and_sequences(self) -> tuple[Tensor, Tensor]:
        """For each row its step and its sequence, on the CPU: (N,) each."""
        steps = torch.arange(len(self.batch_sizes)).repeat_interleave(torch.tensor(self.batch_sizes))
        return steps, torch.arange(self.num_rows) - torch.tensor(self.offsets)[steps]

    @cached_property
    def reversal(self) -> Tensor:
        """For each row, the row of the same sequence at the same distance from the other end: (N,)."""
        steps, sequences = self._steps_and_sequences
        rows = torch.tensor(self.offsets)[self.lengths[sequences] - 1 - steps] + sequences
        return rows.to(self.device)

    @cached_property
    def last(self) -> Tensor:
        """The last row of each sequence: (B,)."""
        rows = torch.tensor(self.offsets)[self.lengths - 1] + torch.arange(self.batch_sizes[0])
        return rows.to(self.device)

    @cached_property
    def previous(self) -> Tensor:
        """For each row, the row of the state before it, if B rows of initial states come first: (N,)."""
        steps, sequences = self._steps_and_sequences
        starts = torch.tensor([0, *(self.batch_sizes[0] + offset for offset in self.offsets[:-2])])
        return (starts[steps] + sequences).to(self.device)

    def reverse(self, rows: Tensor) -> Tensor:
        """Reverse each sequence of (N, ...) in time; doing it twice gives the rows back."""
        if self.is_dense:
            by_step = rows.reshape(len(self.batch_sizes), self.batch_sizes[0], *rows.shape[1:])
            return by_step.flip(0).view(rows.shape)
        return rows.index_select(0, self.reversal)

    def take_last(self, states: Tensor) -> Tensor:
        """Of states (D, N, H) at every row, those at the last row of each sequence: (D, B, H)."""
        if self.is_dense:
            return states[:, self.num_rows - self.batch_sizes[0] :].clone()
        return states.index_select(1, self.last)

    def take_previous(self, states: Tensor, start: int, stop: int) -> Tensor:
        """The states before rows `start` to `stop`, from states (D, B + N, H) with the initial ones first."""
        if self.is_dense:
            return states[:, start:stop]
        return states.index_select(1, self.previous[start:stop])


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
        joined = [torch.cat(rows, dim=1).unbind(0) for rows in zip(*steps, strict=True)]
        forward = tuple(self.pad(rows[0]) for rows in joined)
        backward = tuple(self.pad(self.walk.reverse(rows[-1])) for rows in joined)
        return [forward, backward][: self.num_directions]

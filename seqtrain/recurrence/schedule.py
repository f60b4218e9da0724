"""Which rows are alive at each step, and the order in which the backward direction meets them."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor


class Schedule:
    """The walk of all directions over the rows of one batch of sequences.

    Rows lie as in a PackedSequence: time by time, the longest sequence first, so that step s owns the
    rows `offsets[s] : offsets[s] + batch_sizes[s]`. A padded tensor (T, B, ...) with its first two
    dimensions flattened is the case in which all batch sizes are equal.

    The forward direction meets the rows in that order. The backward direction starts at each sequence's
    own end; put into the order in which it meets them, its rows have the very same batch sizes. So both
    directions take the same steps, side by side, and none of them ever sees padding.
    """

    def __init__(self, batch_sizes: Sequence[int], device: torch.device) -> None:
        self.batch_sizes = tuple(batch_sizes)
        self.device = device
        self.num_rows = sum(self.batch_sizes)
        self.is_dense = self.batch_sizes[0] == self.batch_sizes[-1]

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """First row of each step, and the number of rows at the end: T + 1 numbers."""
        offsets = [0]
        for batch_size in self.batch_sizes:
            offsets.append(offsets[-1] + batch_size)
        return tuple(offsets)

    @cached_property
    def lengths(self) -> Tensor:
        """Length of each sequence, on the CPU: (B,)."""
        sizes = torch.tensor(self.batch_sizes)
        return (sizes[:, None] > torch.arange(self.batch_sizes[0])).sum(0)

    @cached_property
    def reversal(self) -> Tensor:
        """For each row, the row of the same sequence that is as far from the other end: (N,)."""
        steps = torch.arange(len(self.batch_sizes)).repeat_interleave(torch.tensor(self.batch_sizes))
        offsets = torch.tensor(self.offsets)
        sequences = torch.arange(self.num_rows) - offsets[steps]
        return (offsets[self.lengths[sequences] - 1 - steps] + sequences).to(self.device)

    def reverse(self, rows: Tensor) -> Tensor:
        """Reverse each sequence of (N, ...) in time; doing it twice gives the rows back."""
        if self.is_dense:
            by_step = rows.view(len(self.batch_sizes), self.batch_sizes[0], *rows.shape[1:])
            return by_step.flip(0).view(rows.shape)
        return rows.index_select(0, self.reversal)

"""A layer without gradients: block by block, in buffers that stay in the cache, with nothing kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.recurrence.cells import State, Weights
from seqtrain.recurrence.engines.handwritten import HandWritten, stack_by_name
from seqtrain.recurrence.walk import PackedWalk


def run_without_gradients(
    hand_written: HandWritten, x: Tensor, state: State, weights: Sequence[Weights], walk: PackedWalk
) -> tuple[Tensor, State]:
    """Run one layer, all directions side by side."""
    output = x.new_empty(walk.num_rows, len(weights) * state[0].size(-1))
    rows = DirectionBlocks(x, output, len(weights), walk)
    return output, hand_written.run(rows, stack_by_name(weights), state, walk)


@dataclass(frozen=True)
class DirectionBlocks:
    """Reads blocks of x (N, I) and writes blocks of output (N, D * H)."""

    x: Tensor
    output: Tensor
    num_directions: int
    walk: PackedWalk

    def read(self, first: int, last: int) -> Tensor:
        start, stop = self.walk.offsets[first], self.walk.offsets[last]
        if self.num_directions == 1:
            return self.x[start:stop].unsqueeze(0)
        return torch.stack([self.x[start:stop], self._read_reversed(start, stop)])

    def _read_reversed(self, start: int, stop: int) -> Tensor:
        if self.walk.is_dense:
            num_rows, size = self.walk.num_rows, self.walk.batch_sizes[0]
            return _flip(self.x[num_rows - stop : num_rows - start], size)
        return self.x.index_select(0, self.walk.reversal[start:stop])

    def write(self, first: int, last: int, h: Tensor) -> None:
        start, stop = self.walk.offsets[first], self.walk.offsets[last]
        size = h.size(-1)
        for direction, rows in enumerate(h.unbind(0)):
            columns = self.output[:, direction * size : (direction + 1) * size]
            if direction == 0:
                columns[start:stop] = rows
            elif self.walk.is_dense:
                num_rows, batch_size = self.walk.num_rows, self.walk.batch_sizes[0]
                columns[num_rows - stop : num_rows - start] = _flip(rows, batch_size)
            else:
                columns.index_copy_(0, self.walk.reversal[start:stop], rows)


def _flip(rows: Tensor, batch_size: int) -> Tensor:
    """Reverse the order of the steps of (steps * B, F)."""
    if batch_size == 0:
        return rows
    return rows.view(-1, batch_size, rows.size(1)).flip(0).view(rows.shape)

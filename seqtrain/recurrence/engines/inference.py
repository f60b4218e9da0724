"""A layer without gradients: block by block, in buffers that stay in the cache, with nothing kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.recurrence.cells import State, Weights
from seqtrain.recurrence.engines.handwritten import HandWritten
from seqtrain.recurrence.walk import PackedWalk


def run_without_gradients(
    hand_written: HandWritten, x: Tensor, state: State, weights: Sequence[Weights], walk: PackedWalk
) -> tuple[Tensor, State]:
    """Run one layer, all directions side by side."""
    output = x.new_empty(walk.num_rows, len(weights) * state[0].size(-1))
    rows = DirectionBlocks(x, output, len(weights), walk)
    with torch.inference_mode():  # operations on small tensors take a tenth less time
        final = hand_written.run(rows, weights, state, walk)
    return output, tuple(each.clone() for each in final)  # copies, as inference tensors never meet gradients


@dataclass(frozen=True)
class DirectionBlocks:
    """Reads blocks of x (N, I) and writes blocks of output (N, D * H)."""

    x: Tensor
    output: Tensor
    num_directions: int
    walk: PackedWalk

    def read(self, first: int, last: int) -> Tensor:
        rows = self.read_apart(first, last)
        if len(rows) == 1:
            return rows[0].unsqueeze(0)
        forward, backward = rows
        if self.walk.is_dense:
            backward = (
                backward.view(last - first, self.walk.batch_sizes[0], backward.size(1))
                .flip(0)
                .view(forward.shape)
            )
        return torch.stack([forward, backward])

    def read_apart(self, first: int, last: int) -> list[Tensor]:
        start, stop = self.walk.offsets[first], self.walk.offsets[last]
        forward = self.x[start:stop]
        if self.num_directions == 1:
            return [forward]
        if self.walk.is_dense:
            return [forward, self.x[self.walk.num_rows - stop : self.walk.num_rows - start]]
        return [forward, self.x.index_select(0, self.walk.reversal[start:stop])]

    def split(self, direction: int, rows: Tensor, sizes: Sequence[int]) -> Sequence[Tensor]:
        steps = torch.split(rows, list(sizes))
        return steps[::-1] if direction == 1 and self.walk.is_dense else steps

    def write(self, first: int, last: int, h: Tensor) -> None:
        start, stop = self.walk.offsets[first], self.walk.offsets[last]
        size = h.size(-1)
        self.output[start:stop, :size] = h[0]
        if self.num_directions == 1:
            return
        columns = self.output[:, size:]
        if self.walk.is_dense:
            batch_size, num_steps = self.walk.batch_sizes[0], len(self.walk.batch_sizes)
            by_step = columns.view(num_steps, batch_size, size)
            steps = torch.arange(num_steps - 1 - first, num_steps - 1 - last, -1, device=h.device)
            by_step.index_copy_(0, steps, h[1].view(last - first, batch_size, size))
        else:
            columns.index_copy_(0, self.walk.reversal[start:stop], h[1])

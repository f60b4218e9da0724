"""The readable engine: a loop over time under autograd. The oracle for every other engine."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqtrain.recurrence.cells import Cell, State, Weights
from seqtrain.recurrence.walk import PackedWalk


def reference_layer(
    cell: Cell, x: Tensor, weights: Sequence[Weights], state: State, walk: PackedWalk
) -> tuple[Tensor, State]:
    """Run any cell over one layer; see `seqtrain.recurrence` for shapes."""
    both = {name: torch.stack([w[name] for w in weights]) for name in weights[0]}
    walks = torch.stack([x, walk.reverse(x)][: len(weights)])
    # split, not slices: the gradient of T slices is T tensors of full size, that of one split is one
    steps = torch.split(cell.project(walks, both), walk.batch_sizes, dim=1)

    outputs: list[Tensor] = []
    finished: list[State] = []
    for projected in steps:
        batch_size = projected.size(1)
        if batch_size < state[0].size(1):
            finished.append(tuple(s[:, batch_size:] for s in state))
            state = tuple(s[:, :batch_size] for s in state)
        h, *memory = cell.step(projected, state, both)
        state = (h.to(x.dtype), *memory)
        outputs.append(state[0])

    finished.append(state)
    final = tuple(torch.cat(parts[::-1], dim=1) for parts in zip(*finished, strict=True))
    forward, *backward = torch.cat(outputs, dim=1).unbind(0)
    return torch.cat([forward, *map(walk.reverse, backward)], dim=-1), final

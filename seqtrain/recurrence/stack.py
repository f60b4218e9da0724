"""Layers on top of each other, with dropout between them."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from seqtrain.recurrence.cells import Cell, State, Weights
from seqtrain.recurrence.engines.selection import choose_engine
from seqtrain.recurrence.precision import autocast_dtype, without_autocast
from seqtrain.recurrence.walk import PackedWalk


def run_layers(
    cell: Cell,
    backend: str,
    x: Tensor,
    weights: Sequence[Sequence[Weights]],
    state: State | None,
    walk: PackedWalk,
    dropout: float,
) -> tuple[Tensor, State]:
    """Run the layers whose parameters are `weights[layer][direction]`.

    `x` is (N, I), each state (num_layers * D, B, H), zeros if None; so are the results.
    Under autocast the products run in its dtype. States between steps are float32 at least, but for h,
    which has the dtype of the products; all final states have it too, as torch's have.
    """
    device_type = x.device.type
    dtype = autocast_dtype(device_type)
    if dtype is None or x.dtype == torch.float64:
        dtype = x.dtype
    num_layers, num_directions = len(weights), len(weights[0])
    if state is None:
        hidden_size = weights[0][0]["weight_hh"].size(1)
        zeros = x.new_zeros(num_layers * num_directions, walk.batch_sizes[0], hidden_size)
        state = (zeros,) * len(cell.state_names)

    with without_autocast(device_type):
        memory_dtype = torch.promote_types(dtype, torch.float32)
        h, *memory = (s.view(num_layers, num_directions, *s.shape[1:]) for s in state)
        start = [h.to(dtype), *(s.to(memory_dtype) for s in memory)]
        x = x.to(dtype)
        final: list[State] = []
        for layer, directions in enumerate(weights):
            if layer > 0 and dropout > 0:
                x = F.dropout(x, dropout)
            cast = [{name: w.to(dtype) for name, w in named.items()} for named in directions]
            layer_start = tuple(s[layer] for s in start)
            engine = choose_engine(backend, cell, x, layer_start, walk)
            x, last = engine(cell, x, cast, layer_start, walk)
            final.append(last)
        return x, tuple(torch.cat(states).to(dtype) for states in zip(*final, strict=True))

"""Layers on top of each other, with dropout between them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from seqtrain.recurrence.cells import Cell, State, Weights
from seqtrain.recurrence.engines.selection import choose_engine
from seqtrain.recurrence.modes import autocast_dtype, without_autocast
from seqtrain.recurrence.onnx import onnx_layer
from seqtrain.recurrence.operator import operator_layer
from seqtrain.recurrence.walk import PackedWalk

RunLayer: TypeAlias = Callable[[Tensor, Sequence[Weights], State], tuple[Tensor, State]]


def run_layers(
    cell: Cell,
    backend: str,
    x: Tensor,
    weights: Sequence[Sequence[Weights]],
    state: State,
    walk: PackedWalk,
    dropout: float,
) -> tuple[Tensor, State]:
    """Run the layers whose parameters are `weights[layer][direction]`.

    `x` and the output are rows (N, features), each state and final state is (num_layers * D, B, H). Under
    autocast the products run in its dtype, which is also that of the results; between steps, states other
    than h stay in float32.
    """

    def run_layer(x: Tensor, directions: Sequence[Weights], start: State) -> tuple[Tensor, State]:
        return choose_engine(backend, cell, x, directions, start, walk)(cell, x, directions, start, walk)

    return _run_layers(run_layer, x, weights, state, dropout)


def trace_layers(
    cell: Cell,
    backend: str,
    x: Tensor,
    weights: Sequence[Sequence[Weights]],
    state: State,
    batch_sizes: Tensor | None,
    dropout: float,
) -> tuple[Tensor, State]:
    """The same with one operator or ONNX node per layer, for tracers, compilers and exporters.

    `x` and the output are (T, B, features), or rows (N, features) with the batch sizes of a PackedSequence.
    """
    run_layer: RunLayer = partial(operator_layer, cell, backend, batch_sizes)
    if torch.onnx.is_in_onnx_export():
        run_layer = partial(onnx_layer, cell, batch_sizes)
    return _run_layers(run_layer, x, weights, state, dropout)


def _run_layers(
    run_layer: RunLayer, x: Tensor, weights: Sequence[Sequence[Weights]], state: State, dropout: float
) -> tuple[Tensor, State]:
    device_type = x.device.type
    dtype = autocast_dtype(device_type)
    if dtype is None or x.dtype == torch.float64:
        dtype = x.dtype
    memory_dtype = torch.promote_types(dtype, torch.float32)
    with without_autocast(device_type):
        h, *memory = ([s] if len(weights) == 1 else torch.chunk(s, len(weights)) for s in state)
        starts = [
            [_cast(each, dtype) for each in h],
            *([_cast(each, memory_dtype) for each in s] for s in memory),
        ]
        x = _cast(x, dtype)
        final: list[State] = []
        for directions, start in zip(weights, zip(*starts, strict=True), strict=True):
            if final and dropout > 0:
                x = F.dropout(x, dropout)
            cast = [{name: _cast(w, dtype) for name, w in named.items()} for named in directions]
            x, last = run_layer(x, cast, start)
            final.append(last)
        joined = final[0] if len(final) == 1 else map(torch.cat, zip(*final, strict=True))
        return x, tuple(_cast(states, dtype) for states in joined)


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """The same as tensor.to(dtype), which takes a microsecond even if there is nothing to do."""
    return tensor if tensor.dtype == dtype else tensor.to(dtype)

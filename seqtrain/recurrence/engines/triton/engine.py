"""The LSTM on a GPU: large products by torch, the time loop by Triton kernels, in both passes.

Import it only where Triton is installed; see docs/gpu.md.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqtrain.recurrence.cells import CELLS, Cell, State, Weights
from seqtrain.recurrence.engines.reference import differentiate_reference, join_directions, stack_weights
from seqtrain.recurrence.engines.triton import kernels
from seqtrain.recurrence.engines.triton.support import is_interpreted
from seqtrain.recurrence.modes import is_any_batched, without_autocast
from seqtrain.recurrence.walk import PackedWalk

UNITS = 32  # hidden units per program of a kernel, with all four gates
_NUM_CONSTANTS = 2  # arguments of `_TritonLayer.apply` before the first tensor


def triton_layer(
    cell: Cell,  # noqa: ARG001 - an LSTM
    x: Tensor,
    weights: Sequence[Weights],
    state: State,
    walk: PackedWalk,
) -> tuple[Tensor, State]:
    """Run one LSTM layer on an input that `explain_triton_layer` accepts; see `seqtrain.recurrence`."""
    names = tuple(weights[0])
    flat = [direction[name] for direction in weights for name in names]
    output, *final = _TritonLayer.apply(walk, names, x, *state, *flat)  # type: ignore[no-untyped-call]
    return output, tuple(final)


class _TritonLayer(torch.autograd.Function):
    """One layer, all its directions, as one node of the graph."""

    @staticmethod
    def forward(ctx: Any, walk: PackedWalk, names: tuple[str, ...], *tensors: Tensor) -> tuple[Tensor, ...]:
        x, (h_0, c_0), weights = _read_inputs(names, tensors)
        stacked = stack_weights(weights)
        gates = _project(_in_walk_order(x, walk, len(weights)), stacked)
        h, c = _begin_states(h_0, walk), _begin_states(c_0, walk)
        run_all(forward_launches(walk, gates, stacked["weight_hh"], h, c), x.device)
        ctx.walk, ctx.names = walk, names
        ctx.save_for_backward(*tensors, gates, h, c)
        after = [states[:, walk.batch_sizes[0] :] for states in (h, c)]
        return join_directions(after[0], walk), *(walk.take_last(states) for states in after)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        with without_autocast(gradients[0].device.type):
            return *[None] * _NUM_CONSTANTS, *_differentiate(ctx, gradients)


def _differentiate(ctx: Any, gradients: Sequence[Tensor]) -> list[Tensor | None]:
    walk: PackedWalk = ctx.walk
    *tensors, gates, h, c = ctx.saved_tensors  # read once: a checkpoint hands them out only once
    x, state, weights = _read_inputs(ctx.names, tensors)
    if torch.is_grad_enabled() or is_any_batched(gradients):
        return differentiate_reference(CELLS["lstm"], x, weights, state, walk, gradients)
    (d_output, d_h_n, d_c_n), (h_0, _) = gradients, state
    stacked = stack_weights(weights)
    d_h = _split_directions(d_output, walk, len(weights))
    _add_to_last(d_h, d_h_n, walk)
    d_c, d_gates = d_c_n.clone(memory_format=torch.contiguous_format), torch.empty_like(gates)
    run_all(backward_launches(walk, gates, stacked["weight_hh"], c, d_h, d_c, d_gates), x.device)

    needs_x, needs_h_0 = ctx.needs_input_grad[_NUM_CONSTANTS : _NUM_CONSTANTS + 2]
    d_x = _sum_directions(d_gates @ stacked["weight_ih"], walk) if needs_x else None
    d_h_0 = d_gates[:, : h_0.size(1)] @ stacked["weight_hh"] if needs_h_0 else None
    d_weights = {
        "weight_ih": d_gates.mT @ _in_walk_order(x, walk, len(weights)),
        "weight_hh": d_gates.mT @ walk.take_previous(h, 0, walk.num_rows),
    }
    if "bias_ih" in ctx.names:
        d_weights["bias_ih"] = d_gates.sum(1)
        d_weights["bias_hh"] = d_weights["bias_ih"].clone()  # clipping changes gradients in place
    by_direction = (d_weights[name][k] for k in range(len(weights)) for name in ctx.names)
    return [d_x, d_h_0, d_c, *by_direction]


def _read_inputs(
    names: tuple[str, ...], tensors: Sequence[Tensor]
) -> tuple[Tensor, tuple[Tensor, Tensor], list[Weights]]:
    x, h_0, c_0, *flat = tensors
    starts = range(0, len(flat), len(names))
    return x, (h_0, c_0), [dict(zip(names, flat[k : k + len(names)], strict=True)) for k in starts]


def _project(rows: Tensor, weights: Weights) -> Tensor:
    """The input's share of all gates: (D, N, I) to (D, N, 4H)."""
    if "bias_ih" not in weights:
        return torch.bmm(rows, weights["weight_ih"].mT)
    bias = (weights["bias_ih"] + weights["bias_hh"]).unsqueeze(1)
    return torch.baddbmm(bias, rows, weights["weight_ih"].mT)


def _begin_states(start: Tensor, walk: PackedWalk) -> Tensor:
    """Memory for the states before the first step and after each: (D, B, H) to (D, B + N, H)."""
    num_directions, batch_size, hidden_size = start.shape
    states = start.new_empty(num_directions, batch_size + walk.num_rows, hidden_size)
    states[:, :batch_size] = start
    return states


def _in_walk_order(rows: Tensor, walk: PackedWalk, num_directions: int) -> Tensor:
    """Rows (N, F) in the order in which each direction visits them: (D, N, F)."""
    return torch.stack([rows, walk.reverse(rows)][:num_directions])


def _split_directions(rows: Tensor, walk: PackedWalk, num_directions: int) -> Tensor:
    """The inverse of `join_directions`: (N, D * H) to (D, N, H)."""
    forward, *backward = rows.chunk(num_directions, dim=1)
    return torch.stack([forward, *map(walk.reverse, backward)])


def _sum_directions(rows: Tensor, walk: PackedWalk) -> Tensor:
    """Rows (D, N, F) of one input, each direction in its own order, to (N, F)."""
    return rows[0] if len(rows) == 1 else rows[0] + walk.reverse(rows[1])


def _add_to_last(rows: Tensor, last: Tensor, walk: PackedWalk) -> None:
    """Add (D, B, H) to the last row of each sequence in (D, N, H), in place."""
    if walk.is_dense:  # no index that would have to travel to the GPU
        rows[:, walk.num_rows - walk.batch_sizes[0] :] += last
    else:
        rows[:, walk.last] += last


@dataclass(frozen=True)
class Launch:
    """A kernel and everything it is launched with: a test without a GPU compiles exactly what runs on one."""

    kernel: Any
    grid: tuple[int, int, int]
    arguments: tuple[Any, ...]
    constants: dict[str, Any]

    def run(self) -> None:
        self.kernel[self.grid](*self.arguments, **self.constants)

    def compile(self) -> Any:
        """The compiled kernel, without running it."""
        return self.kernel.warmup(*self.arguments, grid=self.grid, **self.constants)


def run_all(launches: Iterable[Launch], device: torch.device) -> None:
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        for launch in launches:
            launch.run()


def forward_launches(
    walk: PackedWalk, gates: Tensor, weight_hh: Tensor, h: Tensor, c: Tensor
) -> Iterator[Launch]:
    """The launches of a forward pass; see `kernels.forward_step`. The first B rows of h and c are given."""
    batch_size = walk.batch_sizes[0]
    tensors = (gates, weight_hh, h, c)
    constants = _constants(h, batch_size)
    for step, alive in enumerate(walk.batch_sizes):
        arguments = (*tensors, walk.offsets[step], _first_before(walk, step), alive, *_sizes(walk, h))
        yield Launch(kernels.forward_step, _grid(h, alive, constants), arguments, constants)


def backward_launches(
    walk: PackedWalk, gates: Tensor, weight_hh: Tensor, c: Tensor, d_h: Tensor, d_c: Tensor, d_gates: Tensor
) -> Iterator[Launch]:
    """The launches of a backward pass, last step first; see `kernels.backward_step`."""
    batch_size = walk.batch_sizes[0]
    tensors = (gates, weight_hh, c, d_h, d_c, d_gates)
    constants = _constants(d_h, batch_size)
    next_sizes = [*walk.batch_sizes[1:], 0]
    for step in reversed(range(len(next_sizes))):
        alive = walk.batch_sizes[step]
        scalars = (walk.offsets[step], _first_before(walk, step), alive, next_sizes[step])
        arguments = (*tensors, *scalars, *_sizes(walk, d_h))
        yield Launch(kernels.backward_step, _grid(d_h, alive, constants), arguments, constants)


def _first_before(walk: PackedWalk, step: int) -> int:
    """The first row of the states that a step starts from, counting the B initial rows before all others."""
    return walk.batch_sizes[0] + walk.offsets[step - 1] if step > 0 else 0


def _sizes(walk: PackedWalk, h: Tensor) -> tuple[int, int, int]:
    return walk.num_rows, walk.batch_sizes[0], h.size(2)


def _constants(h: Tensor, batch_size: int) -> dict[str, Any]:
    """Tiles of at least 16, as tensor cores need them, and small enough for a thread's registers."""
    exact = h.dtype == torch.float32
    return {
        "ROWS": 16 if batch_size <= 64 else 32,
        "UNITS": UNITS,
        "CHUNK": 16 if exact else 64,
        "WIDEN": is_interpreted() and not exact,
        "num_warps": 4,
    }


def _grid(h: Tensor, alive: int, constants: dict[str, Any]) -> tuple[int, int, int]:
    return -(-alive // constants["ROWS"]), -(-h.size(2) // UNITS), h.size(0)

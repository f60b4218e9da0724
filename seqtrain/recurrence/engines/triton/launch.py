"""From a plan to launches of the kernels."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from seqtrain.recurrence.engines.triton import kernels
from seqtrain.recurrence.engines.triton.plan import Plan, is_interpreted
from seqtrain.recurrence.walk import PackedWalk

_tables: WeakKeyDictionary[PackedWalk, Tensor] = WeakKeyDictionary()


def launch_forward(
    plan: Plan,
    walk: PackedWalk,
    projected: Tensor,
    weight_hh: Tensor,
    state: tuple[Tensor, Tensor],
    precision: str,
    train: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Run all steps: output (N, D * H), cells and the h before each row (N, D, H), h_n and c_n (D, B, H).

    `projected` (N, D, 4H) becomes the activated gates if `train`, and only then is h before each row
    written; weight_hh is (D, 4H, H), each state
    (D, B, H), c and cells float32. All contiguous.
    """
    h_0, c_0 = state
    num_directions, _, hidden_size = h_0.shape
    output = projected.new_empty(walk.num_rows, num_directions * hidden_size)
    shape = (walk.num_rows, num_directions, hidden_size)
    cells = c_0.new_empty(shape)
    before = projected.new_empty(shape) if train else output
    h_n, c_n = torch.empty_like(h_0), torch.empty_like(c_0)
    tensors = (projected, weight_hh, h_0, c_0, output, cells, h_n, c_n, before)
    options = _options(plan, walk, h_0, precision) | {"TRAIN": train}
    if plan.regime == "group":
        options |= {"CHUNK": plan.chunk}
        _launch_group(kernels.forward_group, plan, walk, tensors, options, range(len(walk.batch_sizes)))
    elif plan.regime == "whole":
        _launch_whole(kernels.forward_whole, plan, walk, tensors, options)
    else:
        options |= {"CHUNK": plan.chunk}
        _launch_steps(kernels.forward_step, plan, walk, tensors, options, range(len(walk.batch_sizes)))
    return output, cells, before, h_n, c_n


def launch_backward(
    plan: Plan,
    walk: PackedWalk,
    grad_output: Tensor,
    gates: Tensor,
    cells: Tensor,
    weight_hh: Tensor,
    c_0: Tensor,
    grad_state: tuple[Tensor, Tensor],
    precision: str,
) -> Tensor:
    """Run all steps backwards: gradients of the gates before activation (N, D, 4H).

    `grad_state` (D, B, H) each, float32: its second tensor, the gradient of c_n, becomes that of c_0.
    """
    grad_gates = torch.empty_like(gates)
    tensors = (grad_output, gates, cells, weight_hh, c_0, *grad_state, grad_gates)
    options = _options(plan, walk, c_0, precision)
    steps = range(len(walk.batch_sizes) - 1, -1, -1)
    if plan.regime == "group":
        options |= {"CHUNK": plan.gradient_chunk, "PARTS": plan.num_warps, "AT_ONCE": plan.gradients_at_once}
        _launch_group(kernels.backward_group, plan, walk, tensors, options, steps)
    elif plan.regime == "whole":
        _launch_whole(kernels.backward_whole, plan, walk, tensors, options)
    else:
        options |= {"CHUNK": plan.gradient_chunk}
        _launch_steps(kernels.backward_step, plan, walk, tensors, options, steps)
    return grad_gates


def _options(plan: Plan, walk: PackedWalk, state: Tensor, precision: str) -> dict[str, Any]:
    return {
        "D": state.size(0),
        "H": state.size(2),
        "UNITS": plan.num_units,
        "ROWS": plan.num_rows,
        "DENSE": walk.is_dense,
        "PRECISION": precision,
        "num_warps": plan.num_warps,
    }


def _launch_whole(
    kernel: Any, plan: Plan, walk: PackedWalk, tensors: tuple[Tensor, ...], options: dict[str, Any]
) -> None:
    num_steps, batch_size = len(walk.batch_sizes), walk.batch_sizes[0]
    grid = (plan.num_groups, 1, options["D"])
    with _on_device(tensors[0]):
        kernel[grid](*tensors, *_read_walk(walk, tensors[0]), num_steps, batch_size, **options)


def _launch_group(
    kernel: Any,
    plan: Plan,
    walk: PackedWalk,
    tensors: tuple[Tensor, ...],
    options: dict[str, Any],
    steps: range,
) -> None:
    num_steps, batch_size = len(walk.batch_sizes), walk.batch_sizes[0]
    num_directions = options["D"]
    # a fresh counter per call: one kept from call to call would be shared by streams
    arrivals = torch.zeros(num_directions * plan.num_groups, dtype=torch.int32, device=tensors[0].device)
    pointers = (*tensors, *_read_walk(walk, tensors[0]), arrivals)
    grid = (plan.num_slices, plan.num_groups, plan.directions_at_once)
    sync = not is_interpreted()
    if sync:
        options = options | {"launch_cooperative_grid": True, "num_stages": 1}
    with _on_device(tensors[0]):
        for direction in range(0, num_directions, plan.directions_at_once):
            for begin, end in [(0, num_steps)] if sync else _one_by_one(steps):
                kernel[grid](*pointers, begin, end, num_steps, batch_size, direction, SYNC=sync, **options)


def _launch_steps(
    kernel: Any,
    plan: Plan,
    walk: PackedWalk,
    tensors: tuple[Tensor, ...],
    options: dict[str, Any],
    steps: range,
) -> None:
    num_steps, batch_size = len(walk.batch_sizes), walk.batch_sizes[0]
    pointers = (*tensors, *_read_walk(walk, tensors[0]))
    with _on_device(tensors[0]):
        for step in steps:
            grid = (plan.num_slices, -(-walk.batch_sizes[step] // plan.num_rows), options["D"])
            kernel[grid](*pointers, step, num_steps, batch_size, **options)


def _one_by_one(steps: range) -> Iterator[tuple[int, int]]:
    return ((step, step + 1) for step in steps)


def _read_walk(walk: PackedWalk, unused: Tensor) -> tuple[Tensor, Tensor]:
    """Offsets and lengths in one tensor, and the reversal; where all lengths are equal, neither is read."""
    if walk.is_dense:
        return unused, unused
    if walk not in _tables:
        offsets = torch.tensor([*walk.offsets, walk.num_rows])
        _tables[walk] = torch.cat((offsets, walk.lengths)).to(walk.device)
    return _tables[walk], walk.reversal


def _on_device(tensor: Tensor) -> AbstractContextManager[Any]:
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()

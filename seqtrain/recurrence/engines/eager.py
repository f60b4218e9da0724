"""The fast engine, in plain torch: large products outside the time loop, gradients by hand.

Tensors of one group of directions, which walk together, have them in front: D is 2 or 1.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqtrain.recurrence.cells import CELLS, Cell, State, Weights
from seqtrain.recurrence.engines.gru import HandWrittenGRU
from seqtrain.recurrence.engines.handwritten import (
    Gradients,
    HandWritten,
    Matrices,
    Saved,
    stack,
    stack_by_name,
)
from seqtrain.recurrence.engines.inference import run_without_gradients
from seqtrain.recurrence.engines.lstm import HandWrittenLSTM
from seqtrain.recurrence.engines.products import multiply, prefers_onednn
from seqtrain.recurrence.engines.reference import reference_layer
from seqtrain.recurrence.engines.transforms import is_any_batched
from seqtrain.recurrence.precision import without_autocast
from seqtrain.recurrence.walk import PackedWalk

_ALL: tuple[HandWritten, ...] = (HandWrittenLSTM(), HandWrittenGRU())
HAND_WRITTEN = {each.name: each for each in _ALL}


def eager_layer(
    cell: Cell, x: Tensor, weights: Sequence[Weights], state: State, walk: PackedWalk
) -> tuple[Tensor, State]:
    """Run one layer of a cell in HAND_WRITTEN; see `seqtrain.recurrence` for shapes."""
    hand_written = HAND_WRITTEN[cell.name]
    groups = _group(x, weights, walk)
    names = tuple(weights[0])
    flat = [direction[name] for direction in weights for name in names]
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *state, *flat)):
        output, *final = _Layer.apply(  # type: ignore[no-untyped-call]
            hand_written, walk, groups, names, len(state), x, *state, *flat
        )
        return output, tuple(final)
    return run_without_gradients(hand_written, x, weights, state, walk, groups)


def _group(x: Tensor, weights: Sequence[Weights], walk: PackedWalk) -> list[slice]:
    """Which directions walk together: all, unless oneDNN is faster, which multiplies one matrix at a time."""
    if prefers_onednn(x, weights[0]["weight_hh"].numel() * walk.mean_batch_size):
        return [slice(direction, direction + 1) for direction in range(len(weights))]
    return [slice(0, len(weights))]


class _Layer(torch.autograd.Function):
    """One layer as one node of the graph."""

    @staticmethod
    def forward(
        ctx: Any,
        hand_written: HandWritten,
        walk: PackedWalk,
        groups: list[slice],
        names: tuple[str, ...],
        num_states: int,
        x: Tensor,
        *state_and_weights: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.hand_written, ctx.walk, ctx.groups, ctx.names = hand_written, walk, groups, names
        ctx.num_states, ctx.has_gates, ctx.device_type = num_states, True, x.device.type
        ctx.set_materialize_grads(False)
        saved: list[Saved] = []
        finals: list[State] = []
        steps: list[Tensor] = []
        for rows, weights, state in _split_groups(ctx, x, state_and_weights):
            kept, final = hand_written.forward(rows, weights, state, walk)
            saved.append(kept)
            finals.append(final)
            steps += kept[1][:, state[0].size(1) :].unbind(0)
        ctx.save_for_backward(x, *state_and_weights, *(tensor for kept in saved for tensor in kept))
        return _join(steps, walk), *(torch.cat(parts) for parts in zip(*finals, strict=True))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        with without_autocast(ctx.device_type):
            if torch.is_grad_enabled() or is_any_batched(gradients):
                return *[None] * 5, *_differentiate_reference(ctx, gradients)
            return *[None] * 5, *_differentiate(ctx, *gradients)


def _split_groups(
    ctx: Any, x: Tensor, state_and_weights: Sequence[Tensor]
) -> list[tuple[Tensor, Matrices, State]]:
    """For each group of directions its rows in the order of its walk, its weights and its states."""
    state, flat = state_and_weights[: ctx.num_states], state_and_weights[ctx.num_states :]
    directions = _by_direction(ctx.names, flat)
    walks = [x, *(ctx.walk.reverse(x) for _ in directions[1:])]
    return [
        (stack(walks[group]), stack_by_name(directions[group]), tuple(s[group] for s in state))
        for group in ctx.groups
    ]


def _differentiate(
    ctx: Any, d_output: Tensor | None, d_h_n: Tensor | None, *d_memory_n: Tensor | None
) -> list[Tensor | None]:
    """Gradients of x, the initial states and all weights, by hand."""
    walk, num_inputs = ctx.walk, len(ctx.needs_input_grad) - 5
    x, *rest = ctx.saved_tensors  # to be read once: a checkpoint does not hand them out a second time
    inputs, kept = rest[: num_inputs - 1], rest[num_inputs - 1 :]
    num_kept = len(kept) // len(ctx.groups)
    d_x: Tensor | None = None
    found: list[Gradients] = []
    for index, (rows, weights, state) in enumerate(_split_groups(ctx, x, inputs)):
        group = ctx.groups[index]
        saved = tuple(kept[index * num_kept : (index + 1) * num_kept])
        if not ctx.has_gates:  # a second pass through a retained graph: the first has overwritten the gates
            saved, _ = ctx.hand_written.forward(rows, weights, state, walk)
        d_h = _split(d_output, walk, group, saved[1][:, state[0].size(1) :])
        if d_h_n is not None:
            d_h.index_add_(1, walk.last, d_h_n[group])
        d_memory = tuple(
            torch.zeros_like(s, memory_format=torch.contiguous_format) if d is None else d[group].clone()
            for d, s in zip(d_memory_n, state[1:], strict=True)
        )
        # .data: autograd need not know that this saved tensor changes, has_gates does
        saved = (saved[0].data, *saved[1:])
        found.append(ctx.hand_written.backward(rows, weights, saved, d_h, d_memory, walk))
        if ctx.needs_input_grad[5]:
            d_x = _add_input_gradient(d_x, found[-1].projected, weights["weight_ih"], group, walk)
    ctx.has_gates = False
    d_state = [torch.cat(parts) for parts in zip(*(each.state for each in found), strict=True)]
    by_direction = [
        each.weights[name][direction]
        for each in found
        for direction in range(len(each.projected))
        for name in ctx.names
    ]
    return [d_x, *d_state, *by_direction]


def _add_input_gradient(
    d_x: Tensor | None, d_projected: Tensor, weight_ih: Tensor, group: slice, walk: PackedWalk
) -> Tensor:
    """Add a group's share of the gradient of x (N, I), from that of its projection (D, N, G * H)."""
    for direction, (d_rows, weight) in enumerate(zip(d_projected, weight_ih, strict=True), start=group.start):
        share = multiply(d_rows, weight.mT)
        share = walk.reverse(share) if direction == 1 else share
        d_x = share if d_x is None else d_x.add_(share)
    assert d_x is not None
    return d_x


def _differentiate_reference(ctx: Any, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The same gradients through the reference engine, which autograd and vmap can transform."""
    num_inputs, create_graph = len(ctx.needs_input_grad) - 5, torch.is_grad_enabled()
    with torch.enable_grad():
        # new nodes: one input may depend on another, or be used twice, and each is to get its own share only
        inputs = [tensor.view_as(tensor) for tensor in ctx.saved_tensors[:num_inputs]]
        x, state, flat = inputs[0], tuple(inputs[1 : 1 + ctx.num_states]), inputs[1 + ctx.num_states :]
        weights = _by_direction(ctx.names, flat)
        output, final = reference_layer(CELLS[ctx.hand_written.name], x, weights, state, ctx.walk)
    pairs = [(value, d) for value, d in zip((output, *final), gradients, strict=True) if d is not None]
    if not pairs:
        return [None] * len(inputs)
    values, given = zip(*pairs, strict=True)
    wanted = [tensor for tensor in inputs if tensor.requires_grad]
    found = iter(torch.autograd.grad(values, wanted, given, create_graph=create_graph, allow_unused=True))
    return [next(found) if tensor.requires_grad else None for tensor in inputs]


def _by_direction(names: tuple[str, ...], flat: Sequence[Tensor]) -> list[dict[str, Tensor]]:
    starts = range(0, len(flat), len(names))
    return [dict(zip(names, flat[start : start + len(names)], strict=True)) for start in starts]


def _join(steps: Sequence[Tensor], walk: PackedWalk) -> Tensor:
    """States (N, H) of each direction in walking order to the output (N, D * H) in the order of the input."""
    if len(steps) == 1:
        return steps[0].clone()
    return torch.cat([steps[0], walk.reverse(steps[1])], dim=-1)


def _split(d_output: Tensor | None, walk: PackedWalk, group: slice, steps: Tensor) -> Tensor:
    """The gradient of `_join`: (N, D * H) to a group's (D, N, H), in a new tensor; zeros if there is none."""
    if d_output is None:
        return torch.zeros_like(steps, memory_format=torch.contiguous_format)
    hidden_size = steps.size(-1)
    shares = []
    for direction in range(group.start, group.stop):
        share = d_output[:, direction * hidden_size : (direction + 1) * hidden_size]
        shares.append(walk.reverse(share) if direction == 1 else share)
    return torch.stack(shares)

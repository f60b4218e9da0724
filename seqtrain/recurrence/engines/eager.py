"""The fast engine for the LSTM, in plain torch: large products outside the time loop, gradients by hand."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqtrain.recurrence.cells import CELLS, Cell, State, Weights
from seqtrain.recurrence.engines.lstm_loop import backward_loop, forward_loop
from seqtrain.recurrence.engines.reference import reference_layer
from seqtrain.recurrence.engines.transforms import is_any_batched
from seqtrain.recurrence.precision import without_autocast
from seqtrain.recurrence.walk import PackedWalk


def eager_layer(
    cell: Cell, x: Tensor, weights: Sequence[Weights], state: State, walk: PackedWalk
) -> tuple[Tensor, State]:
    """Run one layer of `cell`, which must be the LSTM; see `seqtrain.recurrence` for shapes."""
    if cell.name != "lstm":
        raise ValueError(f"the eager engine runs cell='lstm' only, got: {cell.name!r}")
    names = tuple(weights[0])
    flat = [direction[name] for direction in weights for name in names]
    output, h_n, c_n = _Layer.apply(walk, names, x, *state, *flat)  # type: ignore[no-untyped-call]
    return output, (h_n, c_n)


class _Layer(torch.autograd.Function):
    """One LSTM layer as one node of the graph: an input projection and a time loop; on the way back a loop,
    one large product for dW_ih and dW_hh and one for dx."""

    @staticmethod
    def forward(
        ctx: Any,
        walk: PackedWalk,
        names: tuple[str, ...],
        x: Tensor,
        h_0: Tensor,
        c_0: Tensor,
        *flat: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        gates, h, c = _run(walk, names, flat, x, h_0, c_0)
        ctx.save_for_backward(x, h_0, c_0, gates, h, c, *flat)
        ctx.walk, ctx.names, ctx.has_gates, ctx.device_type = walk, names, True, x.device.type
        ctx.set_materialize_grads(False)
        steps = h[:, h_0.size(1) :]
        c_n = walk.take_last(c[:, h_0.size(1) :]).mul_(0.5)
        return _join(steps, walk), walk.take_last(steps), c_n

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        # not by way of saved_tensors, which are to be read once: a checkpoint hands them out no second time
        with without_autocast(ctx.device_type):
            if torch.is_grad_enabled() or is_any_batched(gradients):
                return None, None, *_differentiable_backward(ctx, gradients)
            return None, None, *_backward(ctx, *gradients)


def _run(
    walk: PackedWalk, names: tuple[str, ...], flat: Sequence[Tensor], x: Tensor, h_0: Tensor, c_0: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gates, h and twice c of all steps, as `forward_loop` leaves them."""
    num_directions, batch_size, hidden_size = h_0.shape
    weights = _stack(names, flat)
    for weight in weights.values():
        weight[:, 2 * hidden_size : 3 * hidden_size].mul_(2)  # the rows of g

    walks, matrix = _walks(x, num_directions, walk), weights["weight_ih"].mT
    if "bias_ih" in weights:
        bias = weights["bias_ih"] + weights["bias_hh"]
        projected = torch.baddbmm(bias.unsqueeze(1), walks, matrix)
    else:
        projected = torch.bmm(walks, matrix)

    h = h_0.new_empty(num_directions, batch_size + walk.num_rows, hidden_size)
    c = c_0.new_empty(h.shape)
    h[:, :batch_size] = h_0
    torch.mul(c_0, 2, out=c[:, :batch_size])
    return forward_loop(projected, weights["weight_hh"], h, c, walk), h, c


def _backward(
    ctx: Any, d_output: Tensor | None, d_h_n: Tensor | None, d_c_n: Tensor | None
) -> list[Tensor | None]:
    """Gradients of x, h_0, c_0 and all weights."""
    x, h_0, c_0, gates, h, c, *flat = ctx.saved_tensors
    walk, weights = ctx.walk, _stack(ctx.names, flat)
    if not ctx.has_gates:  # a second backward pass through a retained graph: the first has used them up
        gates, _, _ = _run(walk, ctx.names, flat, x, h_0, c_0)
    ctx.has_gates = False

    d_h = _split(d_output, walk, h[:, h_0.size(1) :])
    if d_h_n is not None:
        d_h.index_add_(1, walk.last, d_h_n)
    d_c_0 = torch.zeros_like(c_0) if d_c_n is None else d_c_n.clone()
    # .data: autograd need not know that this saved tensor changes, has_gates does
    d_h_0 = backward_loop(gates.data, weights["weight_hh"], c, d_h, d_c_0, walk)
    d_a = gates.to(x.dtype)

    d_x: Tensor | None = None
    if ctx.needs_input_grad[2]:
        d_x, *d_reversed = torch.bmm(d_a, weights["weight_ih"]).unbind(0)
        for d_walk in d_reversed:
            d_x = d_x + walk.reverse(d_walk)

    previous = walk.take_previous(h, 0, walk.num_rows)
    inputs = torch.cat([_walks(x, len(d_a), walk), previous], dim=-1)  # what the two matrices met
    d_weight_ih, d_weight_hh = torch.split(torch.bmm(d_a.mT, inputs), [x.size(1), h.size(2)], dim=-1)
    d_bias = d_a.sum(1)
    gradients = {"weight_ih": d_weight_ih, "weight_hh": d_weight_hh, "bias_ih": d_bias, "bias_hh": d_bias}
    # each one contiguous and in memory of its own: optimizers and clipping work on them in place
    flat_gradients = (
        gradients[name][direction].clone(memory_format=torch.contiguous_format)
        for direction in range(len(d_a))
        for name in ctx.names
    )
    return [d_x, d_h_0, d_c_0, *flat_gradients]


def _differentiable_backward(ctx: Any, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The same gradients through the reference engine, which autograd and vmap can transform."""
    saved, create_graph = ctx.saved_tensors, torch.is_grad_enabled()
    # new nodes: one input may depend on another, or be used twice, and each is to get its own share only
    with torch.enable_grad():
        inputs = [tensor.view_as(tensor) for tensor in (*saved[:3], *saved[6:])]
        x, h_0, c_0, *flat = inputs
        weights = _by_direction(ctx.names, flat)
        output, state = reference_layer(CELLS["lstm"], x, weights, (h_0, c_0), ctx.walk)
    pairs = [(value, d) for value, d in zip((output, *state), gradients, strict=True) if d is not None]
    if not pairs:
        return [None] * len(inputs)
    values, given = zip(*pairs, strict=True)
    wanted = [tensor for tensor in inputs if tensor.requires_grad]
    found = iter(torch.autograd.grad(values, wanted, given, create_graph=create_graph, allow_unused=True))
    return [next(found) if tensor.requires_grad else None for tensor in inputs]


def _by_direction(names: tuple[str, ...], flat: Sequence[Tensor]) -> list[dict[str, Tensor]]:
    starts = range(0, len(flat), len(names))
    return [dict(zip(names, flat[start : start + len(names)], strict=True)) for start in starts]


def _stack(names: tuple[str, ...], flat: Sequence[Tensor]) -> dict[str, Tensor]:
    """Each parameter with the directions in front, in new memory."""
    return {name: torch.stack(list(flat[k :: len(names)])) for k, name in enumerate(names)}


def _walks(x: Tensor, num_directions: int, walk: PackedWalk) -> Tensor:
    """The rows in the order in which each direction meets them: (D, N, I)."""
    return torch.stack([x, walk.reverse(x)]) if num_directions == 2 else x.unsqueeze(0)


def _join(steps: Tensor, walk: PackedWalk) -> Tensor:
    """States (D, N, H) in walking order to the output (N, D * H) in the order of the input."""
    if len(steps) == 1:
        return steps[0].clone()
    return torch.cat([steps[0], walk.reverse(steps[1])], dim=-1)


def _split(d_output: Tensor | None, walk: PackedWalk, steps: Tensor) -> Tensor:
    """The gradient of `_join`: (N, D * H) to (D, N, H), in a new tensor; zeros if there is none."""
    if d_output is None:
        return torch.zeros_like(steps, memory_format=torch.contiguous_format)
    if len(steps) == 1:
        return d_output.unsqueeze(0).clone()
    forward, backward = d_output.chunk(2, dim=-1)
    return torch.stack([forward, walk.reverse(backward)])

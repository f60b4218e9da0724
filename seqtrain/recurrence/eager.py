"""The fast engine for the LSTM, in plain torch: large products outside the time loop, gradients by hand."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqtrain.recurrence.cells import CELLS, Cell, State, Weights
from seqtrain.recurrence.lstm_loop import backward_loop, forward_loop
from seqtrain.recurrence.precision import without_autocast
from seqtrain.recurrence.reference import reference_layer
from seqtrain.recurrence.schedule import Schedule


def eager_layer(
    cell: Cell, x: Tensor, weights: Sequence[Weights], state: State, schedule: Schedule
) -> tuple[Tensor, State]:
    """Run one layer of `cell`, which must be the LSTM; see `seqtrain.recurrence` for shapes."""
    if cell.name != "lstm":
        raise ValueError(f"the eager engine runs cell='lstm' only, got: {cell.name!r}")
    names = tuple(weights[0])
    flat = [direction[name] for direction in weights for name in names]
    output, h_n, c_n = _Layer.apply(schedule, names, x, *state, *flat)  # type: ignore[no-untyped-call]
    return output, (h_n, c_n)


class _Layer(torch.autograd.Function):
    """One LSTM layer as one node of the graph: an input projection, a time loop, and on the way back the
    loop again and one large product for each of dW_ih, dW_hh and dx."""

    @staticmethod
    def forward(
        ctx: Any,
        schedule: Schedule,
        names: tuple[str, ...],
        x: Tensor,
        h_0: Tensor,
        c_0: Tensor,
        *flat: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        gates, h, c = _run(schedule, _by_direction(names, flat), x, h_0, c_0)
        ctx.save_for_backward(x, h_0, c_0, gates, h, c, *flat)
        ctx.schedule, ctx.names, ctx.has_gates = schedule, names, True
        ctx.set_materialize_grads(False)
        steps = h[:, h_0.size(1) :]
        c_n = schedule.take_last(c[:, h_0.size(1) :]).mul_(0.5)
        return _join(steps, schedule), schedule.take_last(steps), c_n

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        with without_autocast(ctx.saved_tensors[0].device.type):
            if torch.is_grad_enabled():
                return None, None, *_differentiable_backward(ctx, gradients)
            return None, None, *_backward(ctx, *gradients)


def _run(
    schedule: Schedule, weights: list[dict[str, Tensor]], x: Tensor, h_0: Tensor, c_0: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gates, h and twice c of all steps, as `forward_loop` leaves them."""
    num_directions, batch_size, hidden_size = h_0.shape
    double_g = x.new_ones(4, hidden_size)
    double_g[2] = 2
    double_g = double_g.view(-1, 1)

    projected = x.new_empty(num_directions, schedule.num_rows, 4 * hidden_size)
    for walk, weight, out in zip(_walks(x, num_directions, schedule), weights, projected, strict=True):
        matrix = (weight["weight_ih"] * double_g).T
        if "bias_ih" in weight:
            bias = (weight["bias_ih"] + weight["bias_hh"]) * double_g.view(-1)
            torch.addmm(bias, walk, matrix, out=out)
        else:
            torch.mm(walk, matrix, out=out)

    h = h_0.new_empty(num_directions, batch_size + schedule.num_rows, hidden_size)
    c = c_0.new_empty(h.shape)
    h[:, :batch_size] = h_0
    torch.mul(c_0, 2, out=c[:, :batch_size])
    weight_hh = torch.stack([weight["weight_hh"] for weight in weights]).mul_(double_g)
    return forward_loop(projected, weight_hh, h, c, schedule), h, c


def _backward(
    ctx: Any, d_output: Tensor | None, d_h_n: Tensor | None, d_c_n: Tensor | None
) -> list[Tensor | None]:
    """Gradients of x, h_0, c_0 and all weights."""
    x, h_0, c_0, gates, h, c, *flat = ctx.saved_tensors
    schedule, weights = ctx.schedule, _by_direction(ctx.names, flat)
    if not ctx.has_gates:  # a second backward pass through a retained graph: the first has used them up
        gates, _, _ = _run(schedule, weights, x, h_0, c_0)
    ctx.has_gates = False

    d_h = _split(d_output, schedule, h[:, h_0.size(1) :])
    if d_h_n is not None:
        d_h.index_add_(1, schedule.last, d_h_n)
    d_c_0 = torch.zeros_like(c_0) if d_c_n is None else d_c_n.clone()
    weight_hh = torch.stack([weight["weight_hh"] for weight in weights])
    # .data: autograd need not know that this saved tensor changes, has_gates does
    d_h_0 = backward_loop(gates.data, weight_hh, c, d_h, d_c_0, schedule)
    d_a = gates.to(x.dtype)

    d_weight_hh = torch.bmm(d_a.mT, schedule.take_previous(h, 0, schedule.num_rows))
    d_bias = d_a.sum(1)
    d_x: Tensor | None = None
    d_flat: list[Tensor | None] = []
    walks = _walks(x, len(weights), schedule)
    for direction, (walk, weight) in enumerate(zip(walks, weights, strict=True)):
        d_flat += [d_a[direction].T @ walk, d_weight_hh[direction]]
        if "bias_ih" in weight:
            d_flat += [d_bias[direction], d_bias[direction].clone()]
        if ctx.needs_input_grad[2]:
            d_walk = d_a[direction] @ weight["weight_ih"]
            d_x = d_walk if d_x is None else d_x.add_(schedule.reverse(d_walk))
    return [d_x, d_h_0, d_c_0, *d_flat]


def _differentiable_backward(ctx: Any, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The same gradients through the reference engine, so that they have gradients themselves."""
    x, h_0, c_0, _, _, _, *flat = ctx.saved_tensors
    inputs = [x, h_0, c_0, *flat]
    output, state = reference_layer(
        CELLS["lstm"], x, _by_direction(ctx.names, flat), (h_0, c_0), ctx.schedule
    )
    pairs = [(value, d) for value, d in zip((output, *state), gradients, strict=True) if d is not None]
    values, given = zip(*pairs, strict=True)
    wanted = [tensor for tensor in inputs if tensor.requires_grad]
    found = iter(torch.autograd.grad(values, wanted, given, create_graph=True, allow_unused=True))
    return [next(found) if tensor.requires_grad else None for tensor in inputs]


def _by_direction(names: tuple[str, ...], flat: Sequence[Tensor]) -> list[dict[str, Tensor]]:
    starts = range(0, len(flat), len(names))
    return [dict(zip(names, flat[start : start + len(names)], strict=True)) for start in starts]


def _walks(x: Tensor, num_directions: int, schedule: Schedule) -> list[Tensor]:
    """The rows (N, I) in the order in which each direction meets them."""
    return [x] if num_directions == 1 else [x, schedule.reverse(x)]


def _join(steps: Tensor, schedule: Schedule) -> Tensor:
    """States (D, N, H) in walking order to the output (N, D * H) in the order of the input."""
    if len(steps) == 1:
        return steps[0].clone()
    return torch.cat([steps[0], schedule.reverse(steps[1])], dim=-1)


def _split(d_output: Tensor | None, schedule: Schedule, steps: Tensor) -> Tensor:
    """The gradient of `_join`: (N, D * H) to (D, N, H), in a new tensor; zeros if there is none."""
    if d_output is None:
        return torch.zeros_like(steps, memory_format=torch.contiguous_format)
    if len(steps) == 1:
        return d_output.unsqueeze(0).clone()
    forward, backward = d_output.chunk(2, dim=-1)
    return torch.stack([forward, schedule.reverse(backward)])

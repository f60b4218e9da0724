"""The fast engine, in plain torch: large products outside the time loop, gradients by hand."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqtrain.recurrence.cells import CELLS, Cell, State, Weights
from seqtrain.recurrence.engines.gru import HandWrittenGRU
from seqtrain.recurrence.engines.handwritten import HandWritten
from seqtrain.recurrence.engines.handwritten_layer import HandWrittenLayer, Inputs
from seqtrain.recurrence.engines.lstm import HandWrittenLSTM
from seqtrain.recurrence.engines.reference import reference_layer
from seqtrain.recurrence.engines.transforms import is_any_batched
from seqtrain.recurrence.precision import without_autocast
from seqtrain.recurrence.walk import PackedWalk

_ALL: tuple[HandWritten, ...] = (HandWrittenLSTM(), HandWrittenGRU())
HAND_WRITTEN = {each.name: each for each in _ALL}
_NUM_CONSTANTS = 3  # arguments of `_Layer.apply` before the first tensor


def eager_layer(
    cell: Cell, x: Tensor, weights: Sequence[Weights], state: State, walk: PackedWalk
) -> tuple[Tensor, State]:
    """Run one layer of a cell in HAND_WRITTEN; see `seqtrain.recurrence` for shapes."""
    inputs = Inputs(x, state, weights)
    layer = HandWrittenLayer.on(HAND_WRITTEN[cell.name], inputs, walk)
    names = tuple(weights[0])
    tensors = (x, *state, *(direction[name] for direction in weights for name in names))
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        output, *final = _Layer.apply(layer, names, len(state), *tensors)  # type: ignore[no-untyped-call]
        return output, tuple(final)
    return layer.run(inputs)


class _Layer(torch.autograd.Function):
    """One layer as one node of the graph."""

    @staticmethod
    def forward(
        ctx: Any, layer: HandWrittenLayer, names: tuple[str, ...], num_states: int, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.layer, ctx.names, ctx.num_states = layer, names, num_states
        ctx.has_gates, ctx.device_type = True, tensors[0].device.type
        ctx.set_materialize_grads(False)
        output, final, saved = layer.forward(_read_inputs(ctx, tensors))
        ctx.save_for_backward(*tensors, *(tensor for kept in saved for tensor in kept))
        return output, *final

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        with without_autocast(ctx.device_type):
            if torch.is_grad_enabled() or is_any_batched(gradients):
                return *[None] * _NUM_CONSTANTS, *_differentiate_reference(ctx, gradients)
            return *[None] * _NUM_CONSTANTS, *_differentiate(ctx, gradients)


def _differentiate(ctx: Any, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Gradients of all tensors, by hand."""
    num_inputs = len(ctx.needs_input_grad) - _NUM_CONSTANTS
    tensors = ctx.saved_tensors  # to be read once: a checkpoint does not hand them out a second time
    kept = tensors[num_inputs:]
    size = len(kept) // len(ctx.layer.groups)
    saved = None
    if ctx.has_gates:  # not on a second pass through a retained graph: the first has overwritten them
        # .data: autograd need not know that the gates change, has_gates does
        saved = [(kept[k].data, *kept[k + 1 : k + size]) for k in range(0, len(kept), size)]
    ctx.has_gates = False
    inputs = _read_inputs(ctx, tensors[:num_inputs])
    needs_x = ctx.needs_input_grad[_NUM_CONSTANTS]
    d_x, d_state, d_weights = ctx.layer.backward(inputs, saved, gradients, needs_x)
    return [d_x, *d_state, *(direction[name] for direction in d_weights for name in ctx.names)]


def _differentiate_reference(ctx: Any, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The same gradients through the reference engine, which autograd and vmap can transform."""
    num_inputs, create_graph = len(ctx.needs_input_grad) - _NUM_CONSTANTS, torch.is_grad_enabled()
    with torch.enable_grad():
        # new nodes: one input may depend on another, or be used twice, and each is to get its own share only
        tensors = [tensor.view_as(tensor) for tensor in ctx.saved_tensors[:num_inputs]]
        x, state, weights = _read_inputs(ctx, tensors)
        output, final = reference_layer(CELLS[ctx.layer.cell.name], x, weights, state, ctx.layer.walk)
    pairs = [(value, d) for value, d in zip((output, *final), gradients, strict=True) if d is not None]
    if not pairs:
        return [None] * len(tensors)
    values, given = zip(*pairs, strict=True)
    wanted = [tensor for tensor in tensors if tensor.requires_grad]
    found = iter(torch.autograd.grad(values, wanted, given, create_graph=create_graph, allow_unused=True))
    return [next(found) if tensor.requires_grad else None for tensor in tensors]


def _read_inputs(ctx: Any, tensors: Sequence[Tensor]) -> Inputs:
    x, *rest = tensors
    names, flat = ctx.names, rest[ctx.num_states :]
    starts = range(0, len(flat), len(names))
    weights = [dict(zip(names, flat[start : start + len(names)], strict=True)) for start in starts]
    return Inputs(x, tuple(rest[: ctx.num_states]), weights)

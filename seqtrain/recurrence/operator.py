"""One layer as an operator of torch, which tracers and compilers record as a whole.

torch.compile, torch.export and torch.jit.trace would otherwise record every step of the time loop, in a new
graph for every length. The operator saves its inputs only, so its backward pass runs the layer forward again.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqtrain.recurrence.cells import CELLS, Cell, State, Weights
from seqtrain.recurrence.engines.native import differentiate_native, native_layer
from seqtrain.recurrence.engines.reference import reference_layer
from seqtrain.recurrence.engines.selection import choose_engine
from seqtrain.recurrence.modes import without_autocast
from seqtrain.recurrence.walk import PackedWalk


def operator_layer(
    cell: Cell, backend: str, batch_sizes: Tensor | None, x: Tensor, weights: Sequence[Weights], state: State
) -> tuple[Tensor, State]:
    """Run one layer as one operator.

    `x` is (T, B, I), or (N, I) with the batch sizes of a PackedSequence; the output has the same form.
    Weights and states are those of an engine.
    """
    flat = [parameter for direction in weights for parameter in direction.values()]
    output, *final = _layer(x, batch_sizes, list(state), flat, cell.name, backend, " ".join(weights[0]))
    return output, tuple(final)


@torch.library.custom_op("seqtrain::recurrent_layer", mutates_args=())
def _layer(
    x: Tensor,
    batch_sizes: Tensor | None,
    state: Sequence[Tensor],
    weights: Sequence[Tensor],
    cell: str,
    backend: str,
    names: str,
) -> list[Tensor]:
    """`names` are those of a direction's weights, joined by spaces: an operator takes no list of strings."""
    rows, walk = _flatten(x, batch_sizes)
    arguments = CELLS[cell], rows, _by_direction(names, weights), tuple(state), walk
    with torch.no_grad(), without_autocast(x.device.type):
        output, final = choose_engine(backend, *arguments)(*arguments)
    return [output.view(*x.shape[:-1], output.size(-1)), *final]


@_layer.register_fake
def _(
    x: Tensor,
    batch_sizes: Tensor | None,  # noqa: ARG001
    state: Sequence[Tensor],
    weights: Sequence[Tensor],  # noqa: ARG001
    cell: str,  # noqa: ARG001
    backend: str,  # noqa: ARG001
    names: str,  # noqa: ARG001
) -> list[Tensor]:
    num_directions, _, hidden_size = state[0].shape
    output = x.new_empty(*x.shape[:-1], num_directions * hidden_size)
    return [output, *(torch.empty_like(s, memory_format=torch.contiguous_format) for s in state)]


@torch.library.custom_op("seqtrain::recurrent_layer_backward", mutates_args=())
def _layer_backward(
    gradients: Sequence[Tensor],
    x: Tensor,
    batch_sizes: Tensor | None,
    state: Sequence[Tensor],
    weights: Sequence[Tensor],
    cell: str,
    backend: str,
    names: str,
) -> list[Tensor]:
    """Gradients of x, of the states and of the weights from those of the output and the final states."""
    rows, walk = _flatten(x, batch_sizes)
    by_direction = _by_direction(names, weights)
    d_output, *d_final = gradients
    d_rows = [d_output.reshape(len(rows), d_output.size(-1)), *d_final]
    with torch.no_grad(), without_autocast(x.device.type):
        given = CELLS[cell], rows, by_direction, tuple(state), walk
        if choose_engine(backend, *given) is native_layer:
            found = differentiate_native(*given, d_rows)
        else:
            found = _differentiate_reference(d_rows, rows, state, weights, cell, names, walk)
    return [found[0].view(x.shape), *found[1:]]


@_layer_backward.register_fake
def _(
    gradients: Sequence[Tensor],  # noqa: ARG001
    x: Tensor,
    batch_sizes: Tensor | None,  # noqa: ARG001
    state: Sequence[Tensor],
    weights: Sequence[Tensor],
    cell: str,  # noqa: ARG001
    backend: str,  # noqa: ARG001
    names: str,  # noqa: ARG001
) -> list[Tensor]:
    return [torch.empty_like(each, memory_format=torch.contiguous_format) for each in (x, *state, *weights)]


def _differentiate_reference(
    gradients: Sequence[Tensor],
    x: Tensor,
    state: Sequence[Tensor],
    weights: Sequence[Tensor],
    cell: str,
    names: str,
    walk: PackedWalk,
) -> list[Tensor]:
    """Gradients through the reference engine; autograd itself is switched off inside an operator."""
    num_states = len(state)

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        state, flat = rest[:num_states], rest[num_states:]
        output, final = reference_layer(CELLS[cell], x, _by_direction(names, flat), state, walk)
        return output, *final

    _, pull_back = torch.func.vjp(run, x, *state, *weights)  # type: ignore[misc]
    # in new memory: the two biases have one gradient, and results must not share theirs
    return [each.clone(memory_format=torch.contiguous_format) for each in pull_back(tuple(gradients))]


def _setup_context(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def] # noqa: ARG001
    x, batch_sizes, state, weights, ctx.cell, ctx.backend, ctx.names = inputs
    ctx.num_states = len(state)
    ctx.save_for_backward(x, batch_sizes, *state, *weights)


def _differentiate(ctx, gradients):  # type: ignore[no-untyped-def]
    x, batch_sizes, *rest = ctx.saved_tensors
    state, weights = rest[: ctx.num_states], rest[ctx.num_states :]
    d_x, *d_rest = _layer_backward(
        gradients, x, batch_sizes, state, weights, ctx.cell, ctx.backend, ctx.names
    )
    return d_x, None, d_rest[: ctx.num_states], d_rest[ctx.num_states :], None, None, None


_layer.register_autograd(_differentiate, setup_context=_setup_context)


def _flatten(x: Tensor, batch_sizes: Tensor | None) -> tuple[Tensor, PackedWalk]:
    if batch_sizes is not None:
        return x, PackedWalk(batch_sizes.tolist(), x.device)
    return x.flatten(0, 1), PackedWalk([x.size(1)] * x.size(0), x.device)


def _by_direction(names: str, weights: Sequence[Tensor]) -> list[dict[str, Tensor]]:
    own = names.split(" ")
    starts = range(0, len(weights), len(own))
    return [dict(zip(own, weights[start : start + len(own)], strict=True)) for start in starts]

"""The readable engine: a loop over time under autograd. Tests compare every other engine with it."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from seqtrain.recurrence.cells import Cell, GateValues, State, Weights
from seqtrain.recurrence.walk import PackedWalk


def reference_layer(
    cell: Cell, x: Tensor, weights: Sequence[Weights], state: State, walk: PackedWalk
) -> tuple[Tensor, State]:
    """Run any cell over one layer; see `seqtrain.recurrence` for shapes."""
    steps = [step for step, _ in run_steps(cell, x, stack_weights(weights), state, walk)]
    h, *memory = (torch.cat(rows, dim=1) for rows in zip(*steps, strict=True))
    final = tuple(walk.take_last(rows) for rows in (h, *memory))
    return join_directions(h, walk), final


def run_steps(
    cell: Cell, x: Tensor, weights: Weights, state: State, walk: PackedWalk
) -> Iterator[tuple[State, GateValues]]:
    """Yield the states and the values of the gates after each step, (D, b, size) each.

    `weights` are those of all directions, from `stack_weights`. Each direction visits the rows in its own
    order. Each state is the very tensor that the next step starts from, so that a gradient with respect to it
    includes all later steps.
    """
    walks = torch.stack([x, walk.reverse(x)][: state[0].size(0)])
    # split, not slices: the gradient of T slices is T tensors of full size, that of one split is one
    for projected in torch.split(cell.project(walks, weights), walk.batch_sizes, dim=1):
        if projected.size(1) < state[0].size(1):  # the shortest sequences have ended
            state = tuple(s[:, : projected.size(1)] for s in state)
        (h, *memory), gates = cell.step(projected, state, weights)
        state = (h.to(x.dtype), *memory)
        yield state, gates


def join_directions(rows: Tensor, walk: PackedWalk) -> Tensor:
    """Rows (D, N, H), each direction in its own order, to (N, D * H) in the order of the forward walk."""
    forward, *backward = rows.unbind(0)
    return torch.cat([forward, *map(walk.reverse, backward)], dim=-1)


def stack_weights(weights: Sequence[Weights]) -> dict[str, Tensor]:
    """The parameters of all directions by name, D in front of each shape.

    They are flattened on the way, so that autograd makes their gradients contiguous.
    """
    return {
        name: torch.stack([each[name].flatten() for each in weights]).view(len(weights), *weight.shape)
        for name, weight in weights[0].items()
    }


def differentiate_reference(
    cell: Cell,
    x: Tensor,
    weights: Sequence[Weights],
    state: State,
    walk: PackedWalk,
    gradients: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """Gradients of x, of the states and of all weights, by operations that autograd and vmap can transform.

    `gradients` are those of the output and of the final states. For the backward passes of other engines.
    """
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        # new nodes: one input may depend on another, or be used twice, and each must get only its own share
        given = [
            tensor.view_as(tensor) for tensor in (x, *state, *(w for each in weights for w in each.values()))
        ]
        num_states, names = len(state), tuple(weights[0])
        flat = iter(given[1 + num_states :])
        own = [{name: next(flat) for name in names} for _ in weights]
        output, final = reference_layer(cell, given[0], own, tuple(given[1 : 1 + num_states]), walk)
    pairs = [(value, d) for value, d in zip((output, *final), gradients, strict=True) if d is not None]
    if not pairs:
        return [None] * len(given)
    values, d_values = zip(*pairs, strict=True)
    wanted = [tensor for tensor in given if tensor.requires_grad]
    found = iter(torch.autograd.grad(values, wanted, d_values, create_graph=create_graph, allow_unused=True))
    return [next(found) if tensor.requires_grad else None for tensor in given]

"""Every gate and state of every step of a recurrent module, whatever engine it runs in.

Fused layers return only the last layer's h. Here the same weights run through the readable cells of
`seqtrain.recurrence.cells`, which give everything in between, under autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations

from seqtrain.records import FinalState
from seqtrain.recurrence.cells import CELLS, Cell, GateValues, State, Weights
from seqtrain.recurrence.engines.reference import join_directions, run_steps, stack_weights
from seqtrain.recurrence.modes import without_autocast
from seqtrain.recurrence.walk import PackedRows

DIRECTIONS = ("forward", "backward")

# By exact class, since a subclass may compute something else: from an instance to its cell.
_CELLS_OF: dict[type[nn.Module], Callable[[Any], Cell]] = dict.fromkeys(
    (nn.RNN, nn.LSTM, nn.GRU), lambda rnn: CELLS[rnn.mode.lower()]
)


def register_traced(kind: type[nn.Module], cell_of: Callable[[Any], Cell]) -> None:
    """Let modules of exactly this class be traced.

    Args:
        kind: the class; its modules have the attributes and parameter names of torch.nn.LSTM.
        cell_of: from an instance to the cell whose equations it computes.
    """
    _CELLS_OF[kind] = cell_of


@dataclass(frozen=True)
class DirectionStates:
    """The states of one direction of one layer, or the gradients with respect to them, by name, "h" first.

    (batch, time, hidden) each, unless the cell gives other sizes. Time runs as in the sequence, for the
    backward direction too (its walk begins at `length - 1`); values beyond a sequence's length are zero.
    """

    states: dict[str, Tensor]

    @property
    def h(self) -> Tensor:
        """The output: the first state."""
        return next(iter(self.states.values()))

    @property
    def c(self) -> Tensor | None:
        """The cell state; None where the cell has none."""
        return self.states.get("c")


@dataclass(frozen=True)
class DirectionTrace(DirectionStates):
    """One direction of one layer at every step; `gates` are those of the cell, after their nonlinearity."""

    gates: GateValues


@dataclass(frozen=True)
class Trace:
    """What `trace` returns: `layers[layer][direction]`, forward before backward.

    `cell` declares its gates and states. `output` (batch, time, D * H) and `final_state` are what the module
    itself returns; a head on top of them gives a loss, whose gradients `state_gradients` computes.
    """

    cell: Cell
    layers: tuple[tuple[DirectionTrace, ...], ...]
    output: Tensor
    final_state: FinalState
    lengths: Tensor
    steps: tuple[tuple[State, ...], ...]  # by layer and step of the walk, (D, b, H) each: nodes of the graph
    rows: PackedRows

    @property
    def summary(self) -> Tensor:
        """The final h of the last layer's directions, concatenated: (batch, D * H)."""
        return self.final_state.summarize(self.rows.num_directions)

    def state_gradients(self, loss: Tensor) -> tuple[tuple[DirectionStates, ...], ...]:
        """The gradient of `loss` () with respect to every state, by layer and direction.

        It includes every effect of a state: on later steps, on the layers above and on the head. The graph is
        kept, so that this can be called again, for another loss or a backward pass.

        Raises:
            RuntimeError: the loss has no graph, as under torch.no_grad.
        """
        nodes = [node for layer in self.steps for state in layer for node in state]
        flat = iter(torch.autograd.grad(loss, nodes, retain_graph=True, materialize_grads=True))
        by_layer = [[tuple(next(flat) for _ in state) for state in layer] for layer in self.steps]
        return tuple(
            tuple(
                DirectionStates(dict(zip(self.cell.state_names, states, strict=True)))
                for states in self.rows.lay_out(layer)
            )
            for layer in by_layer
        )


def trace(rnn: nn.Module, features: Tensor, lengths: Tensor, state: FinalState | None = None) -> Trace:
    """Run `features` through the weights of `rnn` as in evaluation: without dropout between the layers.

    Args:
        rnn: a torch.nn.RNN, LSTM or GRU, or a BiLSTM with any of its cells; no subclass.
        features: (batch, time, input_size), regardless of `rnn.batch_first`.
        lengths: (batch,) int64 on the CPU, each from 1 to time.
        state: initial state in torch's order, (num_layers * D, batch, size) each; zeros by default.

    Raises:
        TypeError: `rnn` is not one of these modules.
        ValueError: `rnn` has projections (`proj_size`), or `features` do not fit its `input_size`.
    """
    cell = find_cell(rnn)
    weights = collect_weights(rnn, cell)
    _check_features(features, rnn)
    rows = PackedRows.pack(features, lengths, num_directions=len(weights[0]))
    starts = _start_states(rows, cell, rnn, state)
    x = rows.packed.data.to(next(iter(weights[0][0].values())).dtype)
    layers, steps, finals = [], [], []
    with without_autocast(x.device.type):
        for directions, start in zip(weights, starts, strict=True):
            walked = list(run_steps(cell, x, stack_weights(directions), start, rows.walk))
            states = tuple(states for states, _ in walked)
            joined = [torch.cat(each, dim=1) for each in zip(*states, strict=True)]
            x = join_directions(joined[0], rows.walk)
            layers.append(_lay_out_layer(rows, cell, walked))
            steps.append(states)
            finals.append([rows.walk.take_last(state) for state in joined])
    final = [rows.restore(torch.cat(each)) for each in zip(*finals, strict=True)]
    return Trace(cell, tuple(layers), rows.pad(x), FinalState.of(final), lengths, tuple(steps), rows)


def find_cell(rnn: nn.Module) -> Cell:
    """The cell whose equations `rnn` computes.

    Raises:
        TypeError: `rnn` is neither exactly a torch.nn.RNN, LSTM or GRU nor exactly a BiLSTM.
        ValueError: `rnn` has projections (`proj_size`).
    """
    kind = type_before_parametrizations(rnn)
    if kind not in _CELLS_OF:
        raise TypeError(
            f"{kind.__name__} cannot be traced: torch.nn.RNN, LSTM and GRU and seqtrain.model.BiLSTM can, "
            "but not their subclasses, which may compute something else"
        )
    if getattr(rnn, "proj_size", 0):
        raise ValueError(f"{kind.__name__} with projections cannot be traced, got: proj_size={rnn.proj_size}")
    return _CELLS_OF[kind](rnn)


def collect_weights(rnn: Any, cell: Cell) -> list[list[Weights]]:
    """The parameters by layer and direction; torch's modules and ours give them the same names."""
    names = cell.shapes(1, 1, rnn.bias)
    suffixes = ("", "_reverse") if rnn.bidirectional else ("",)
    return [
        [{name: getattr(rnn, f"{name}_l{layer}{suffix}") for name in names} for suffix in suffixes]
        for layer in range(rnn.num_layers)
    ]


def _check_features(features: Tensor, rnn: Any) -> None:
    if features.dim() != 3 or features.size(-1) != rnn.input_size:
        raise ValueError(
            f"features must be (batch, time, input_size) with input_size={rnn.input_size}, "
            f"got: {tuple(features.shape)}"
        )


def _start_states(rows: PackedRows, cell: Cell, rnn: Any, state: FinalState | None) -> list[State]:
    """The states before the first step by layer, (D, B, size) each, in the order of the packed rows."""
    if state is None:
        like, batch_size = next(rnn.parameters()), rows.walk.batch_sizes[0]
        starts = (rnn.num_layers * rows.num_directions, batch_size)
        sizes = cell.state_sizes(rnn.hidden_size).values()
        state = FinalState.of([like.new_zeros(*starts, size) for size in sizes])
    given = [rows.sort(each) for each in _with_gradients(state)]
    return list(zip(*(torch.split(each, rows.num_directions) for each in given), strict=True))


def _with_gradients(state: FinalState) -> Iterator[Tensor]:
    """The initial states as the beginning of a graph, in which every state after them has its gradient."""
    for each in state.states:
        yield each if each.requires_grad else each.detach().requires_grad_(torch.is_grad_enabled())


def _lay_out_layer(
    rows: PackedRows, cell: Cell, walked: list[tuple[State, GateValues]]
) -> tuple[DirectionTrace, ...]:
    states = rows.lay_out([states for states, _ in walked])
    gates = rows.lay_out([tuple(gates.values()) for _, gates in walked])
    return tuple(
        DirectionTrace(
            dict(zip(cell.state_names, each, strict=True)), dict(zip(walked[0][1], values, strict=True))
        )
        for each, values in zip(states, gates, strict=True)
    )


def name_direction(layer: int, direction: int) -> str:
    """`layer0/forward` for layer 0 and direction 0, as in tags."""
    return f"layer{layer}/{DIRECTIONS[direction]}"

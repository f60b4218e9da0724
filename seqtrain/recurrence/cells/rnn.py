"""The simple recurrent network of torch.nn.RNN (Elman 1990, Cognitive Science 14:179-211)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.recurrence.cells.cell import (
    Cell,
    GateValues,
    OnnxNode,
    State,
    Weights,
    multiply_state,
    register_cell,
)

if TYPE_CHECKING:
    from torch import Tensor


@register_cell
class TanhRNN(Cell):
    """No gates: h' = tanh(W_ih x + b_ih + W_hh h + b_hh)."""

    name = "rnn_tanh"
    onnx = OnnxNode("RNN", (0,))

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, GateValues]:
        return (multiply_state(state[0], weights, projected).tanh(),), {}


@register_cell
class ReluRNN(Cell):
    """The same with relu in place of tanh."""

    name = "rnn_relu"
    onnx = OnnxNode("RNN", (0,), activations=("Relu",))

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, GateValues]:
        return (multiply_state(state[0], weights, projected).relu(),), {}

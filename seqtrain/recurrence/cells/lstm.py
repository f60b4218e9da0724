"""The LSTM of torch.nn.LSTM (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.recurrence.cells.cell import (
    Cell,
    Gate,
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
class LSTM(Cell):
    """Long short-term memory:

    i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)
    f = sigmoid(W_if x + b_if + W_hf h + b_hf)
    g =    tanh(W_ig x + b_ig + W_hg h + b_hg)
    o = sigmoid(W_io x + b_io + W_ho h + b_ho)
    c' = f c + i g
    h' = o tanh(c')
    """

    name = "lstm"
    states = ("h", "c")
    gates = (
        Gate("input", memory="writes"),
        Gate("forget", memory="keeps"),
        Gate("candidate", "tanh"),
        Gate("output"),
    )
    onnx = OnnxNode("LSTM", (0, 3, 1, 2))  # input, output, forget, candidate

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, GateValues]:
        h, c = state
        i, f, g, o = multiply_state(h, weights, projected).chunk(4, -1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * c + i * g
        return (o * c.tanh(), c), {"input": i, "forget": f, "candidate": g, "output": o}

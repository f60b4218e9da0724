"""The LSTM with coupled input and forget gates (CIFG in Greff et al. 2017, arXiv 1503.04069)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.recurrence.cells.cell import (
    Cell,
    Gate,
    GateValues,
    State,
    Weights,
    multiply_state,
    register_cell,
)

if TYPE_CHECKING:
    from torch import Tensor


@register_cell
class CoupledLSTM(Cell):
    """What is forgotten makes room for what is written, i = 1 - f, which saves a quarter of the weights:

    f = sigmoid(W_if x + b_if + W_hf h + b_hf)
    g =    tanh(W_ig x + b_ig + W_hg h + b_hg)
    o = sigmoid(W_io x + b_io + W_ho h + b_ho)
    c' = f c + (1 - f) g
    h' = o tanh(c')
    """

    name = "lstm_coupled"
    states = ("h", "c")
    gates = (Gate("forget", memory="keeps"), Gate("candidate", "tanh"), Gate("output"))

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, GateValues]:
        h, c = state
        f, g, o = multiply_state(h, weights, projected).chunk(3, -1)
        f, g, o = f.sigmoid(), g.tanh(), o.sigmoid()
        c = g.to(c.dtype).lerp(c, f.to(c.dtype))  # f c + (1 - f) g
        return (o * c.tanh(), c), {"forget": f, "candidate": g, "output": o}

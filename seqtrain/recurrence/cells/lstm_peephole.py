"""The LSTM whose gates look at the cell state (Gers, Schraudolph and Schmidhuber 2002, JMLR 3:115-143)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.recurrence.cells.cell import (
    Cell,
    Gate,
    GateValues,
    Shapes,
    State,
    Weights,
    linear_shapes,
    multiply_state,
    register_cell,
)

if TYPE_CHECKING:
    from torch import Tensor


@register_cell
class PeepholeLSTM(Cell):
    """Peepholes P are diagonal, one number per unit; the output gate looks at the new state:

    i = sigmoid(W_ii x + W_hi h + P_i c + b_i)
    f = sigmoid(W_if x + W_hf h + P_f c + b_f)
    g =    tanh(W_ig x + W_hg h         + b_g)
    c' = f c + i g
    o = sigmoid(W_io x + W_ho h + P_o c' + b_o)
    h' = o tanh(c')

    with P_i, P_f, P_o the thirds of weight_ch, and every b the sum of bias_ih and bias_hh.
    """

    name = "lstm_peephole"
    states = ("h", "c")
    gates = (
        Gate("input", memory="writes"),
        Gate("forget", memory="keeps"),
        Gate("candidate", "tanh"),
        Gate("output"),
    )

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        return linear_shapes(4, input_size, hidden_size, bias) | {"weight_ch": (3 * hidden_size,)}

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, GateValues]:
        h, c = state
        peep_i, peep_f, peep_o = weights["weight_ch"].unsqueeze(1).chunk(3, -1)
        i, f, g, o = multiply_state(h, weights, projected).chunk(4, -1)
        i = i.addcmul(peep_i, c).sigmoid()
        f = f.addcmul(peep_f, c).sigmoid()
        g = g.tanh()
        c = f * c + i * g
        o = o.addcmul(peep_o, c).sigmoid()
        return (o * c.tanh(), c), {"input": i, "forget": f, "candidate": g, "output": o}

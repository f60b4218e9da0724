"""The LSTM whose gates look at the cell state (Gers, Schraudolph and Schmidhuber 2002, JMLR 3:115-143)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from seqtrain.recurrence.cells.cell import (
    Gates,
    Shapes,
    State,
    Weights,
    add_bias,
    linear_shapes,
    multiply_input,
    multiply_state,
)


class PeepholeLSTM:
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
    state_names: tuple[str, ...] = ("h", "c")
    constants: Mapping[str, float] = {}

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        return linear_shapes(4, input_size, hidden_size, bias) | {"weight_ch": (3 * hidden_size,)}

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        return add_bias(multiply_input(x, weights), weights, "bias_ih", "bias_hh")

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, Gates]:
        h, c = state
        peep_i, peep_f, peep_o = weights["weight_ch"].unsqueeze(1).chunk(3, -1)
        i, f, g, o = multiply_state(h, weights, projected).chunk(4, -1)
        i = torch.addcmul(i, peep_i, c).sigmoid()
        f = torch.addcmul(f, peep_f, c).sigmoid()
        g = g.tanh()
        c = f * c + i * g
        o = torch.addcmul(o, peep_o, c).sigmoid()
        return (o * c.tanh(), c), {"input": i, "forget": f, "cell": g, "output": o}

"""The LSTM with coupled input and forget gates (CIFG in Greff et al. 2017, arXiv 1503.04069)."""

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


class CoupledLSTM:
    """What is forgotten makes room for what is written, i = 1 - f, so that a quarter of the weights goes:

    f = sigmoid(W_if x + b_if + W_hf h + b_hf)
    g =    tanh(W_ig x + b_ig + W_hg h + b_hg)
    o = sigmoid(W_io x + b_io + W_ho h + b_ho)
    c' = f c + (1 - f) g
    h' = o tanh(c')
    """

    name = "lstm_coupled"
    state_names: tuple[str, ...] = ("h", "c")
    constants: Mapping[str, float] = {}

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        return linear_shapes(3, input_size, hidden_size, bias)

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        return add_bias(multiply_input(x, weights), weights, "bias_ih", "bias_hh")

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, Gates]:
        h, c = state
        f, g, o = multiply_state(h, weights, projected).chunk(3, -1)
        f, g, o = f.sigmoid(), g.tanh(), o.sigmoid()
        c = torch.lerp(g.to(c.dtype), c, f.to(c.dtype))  # f c + (1 - f) g
        return (o * c.tanh(), c), {"forget": f, "cell": g, "output": o}

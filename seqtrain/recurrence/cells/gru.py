"""The gated recurrent unit of torch.nn.GRU (Cho et al. 2014, arXiv 1406.1078)."""

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


class GRU:
    """No cell state: h is all that is kept. As in torch, the reset gate acts after the product:

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
    z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
    n =    tanh(W_in x + b_in + r (W_hn h + b_hn))
    h' = (1 - z) n + z h
    """

    name = "gru"
    state_names: tuple[str, ...] = ("h",)
    constants: Mapping[str, float] = {}

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        return linear_shapes(3, input_size, hidden_size, bias)

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        return add_bias(multiply_input(x, weights), weights, "bias_ih")

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, Gates]:
        (h,) = state
        recurrent = add_bias(multiply_state(h, weights), weights, "bias_hh")
        x_r, x_z, x_n = projected.chunk(3, -1)
        h_r, h_z, h_n = recurrent.chunk(3, -1)
        r = (x_r + h_r).sigmoid()
        z = (x_z + h_z).sigmoid()
        n = torch.addcmul(x_n, r, h_n).tanh()
        next_h = torch.lerp(n, h, z)  # (1 - z) n + z h
        return (next_h,), {"reset": r, "update": z, "new": n}

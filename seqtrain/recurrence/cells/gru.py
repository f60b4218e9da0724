"""The gated recurrent unit of torch.nn.GRU (Cho et al. 2014, arXiv 1406.1078)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.recurrence.cells.cell import (
    Cell,
    Gate,
    GateValues,
    OnnxNode,
    State,
    Weights,
    add_bias,
    multiply_input,
    multiply_state,
    register_cell,
)

if TYPE_CHECKING:
    from torch import Tensor


@register_cell
class GRU(Cell):
    """No cell state: h is all that is kept. As in torch, the reset gate acts after the product:

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
    z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
    n =    tanh(W_in x + b_in + r (W_hn h + b_hn))
    h' = (1 - z) n + z h
    """

    name = "gru"
    gates = (Gate("reset"), Gate("update", memory="keeps"), Gate("candidate", "tanh"))
    # update, reset, candidate; the reset gate acts after the product
    onnx = OnnxNode("GRU", (1, 0, 2), {"linear_before_reset": 1})

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        return add_bias(multiply_input(x, weights), weights, "bias_ih")

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, GateValues]:
        (h,) = state
        recurrent = add_bias(multiply_state(h, weights), weights, "bias_hh")
        x_r, x_z, x_n = projected.chunk(3, -1)
        h_r, h_z, h_n = recurrent.chunk(3, -1)
        r = (x_r + h_r).sigmoid()
        z = (x_z + h_z).sigmoid()
        n = x_n.addcmul(r, h_n).tanh()
        next_h = n.lerp(h, z)  # (1 - z) n + z h
        return (next_h,), {"reset": r, "update": z, "candidate": n}

"""The LSTM with layer normalization (Ba, Kiros and Hinton 2016, arXiv 1607.06450, equations 20 to 22)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from seqtrain.recurrence.cells.cell import (
    Cell,
    Gate,
    GateValues,
    Shapes,
    State,
    Weights,
    add_bias,
    linear_shapes,
    multiply_input,
    multiply_state,
    register_cell,
)

if TYPE_CHECKING:
    from torch import Tensor


@register_cell
class LayerNormLSTM(Cell):
    """Both products and the cell state on its way out are normalized, each over its own features:

    i, f, g, o = split(LN(W_ih x) + LN(W_hh h))     with gains weight_norm_*, offsets bias_*
    c' = sigmoid(f) c + sigmoid(i) tanh(g)
    h' = sigmoid(o) tanh(LN(c'))
    """

    name = "lstm_layernorm"
    states = ("h", "c")
    gates = (
        Gate("input", memory="writes"),
        Gate("forget", memory="keeps"),
        Gate("candidate", "tanh"),
        Gate("output"),
    )
    constants: ClassVar[Mapping[str, float]] = {
        "weight_norm_ih": 1.0,
        "weight_norm_hh": 1.0,
        "weight_norm_c": 1.0,
        "bias_norm_c": 0.0,
    }

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        shapes = linear_shapes(4, input_size, hidden_size, bias)
        gains = {"weight_norm_ih": (4 * hidden_size,), "weight_norm_hh": (4 * hidden_size,)}
        shapes |= gains | {"weight_norm_c": (hidden_size,)}
        return shapes | {"bias_norm_c": (hidden_size,)} if bias else shapes

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        normal = _normalize(multiply_input(x, weights))
        return add_bias(normal * weights["weight_norm_ih"].unsqueeze(1), weights, "bias_ih", "bias_hh")

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, GateValues]:
        h, c = state
        recurrent = _normalize(multiply_state(h, weights))
        gates = projected.addcmul(recurrent, weights["weight_norm_hh"].unsqueeze(1))
        i, f, g, o = gates.chunk(4, -1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * c + i * g
        out = add_bias(_normalize(c) * weights["weight_norm_c"].unsqueeze(1), weights, "bias_norm_c")
        return (o * out.tanh(), c), {"input": i, "forget": f, "candidate": g, "output": o}


def _normalize(x: Tensor) -> Tensor:
    """Mean zero and variance one over the features; gain and offset, which differ by direction, follow."""
    from torch.nn.functional import layer_norm

    return layer_norm(x, x.shape[-1:])

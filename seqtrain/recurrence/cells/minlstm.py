"""The minimal LSTM (Feng et al. 2024, "Were RNNs All We Needed?", arXiv 2410.01201, section 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.recurrence.cells.cell import (
    Cell,
    Gate,
    GateValues,
    Shapes,
    State,
    Weights,
    add_bias,
    multiply_input,
    register_cell,
)

if TYPE_CHECKING:
    from torch import Tensor


@register_cell
class MinLSTM(Cell):
    """Gates and candidate see only the input, and the two gates are scaled to a sum of one:

    f = sigmoid(W_f x + b_f)
    i = sigmoid(W_i x + b_i)
    n =         W_n x + b_n
    h' = f / (f + i) h + i / (f + i) n

    The values that `step` returns for the gates are the scaled ones, f / (f + i) and i / (f + i).
    """

    name = "minlstm"
    gates = (Gate("forget", memory="keeps"), Gate("input", memory="writes"), Gate("candidate", "linear"))
    biases = ("bias_ih",)

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        shapes: Shapes = {"weight_ih": (3 * hidden_size, input_size)}
        return shapes | {"bias_ih": (3 * hidden_size,)} if bias else shapes

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        from torch import cat
        from torch.nn.functional import logsigmoid

        f, i, n = add_bias(multiply_input(x, weights), weights, "bias_ih").chunk(3, -1)
        # f / (f + i) = sigmoid(log f - log i), which is exact where both are nearly zero
        return cat([(logsigmoid(f) - logsigmoid(i)).sigmoid(), n], -1)

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, GateValues]:
        f, n = projected.chunk(2, -1)
        return (n.lerp(state[0], f),), {"forget": f, "input": 1 - f, "candidate": n}  # f h + (1 - f) n

"""The LSTM of torch.nn.LSTM (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""

from collections.abc import Mapping

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


class LSTM:
    """Long short-term memory:

    i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)
    f = sigmoid(W_if x + b_if + W_hf h + b_hf)
    g =    tanh(W_ig x + b_ig + W_hg h + b_hg)
    o = sigmoid(W_io x + b_io + W_ho h + b_ho)
    c' = f c + i g
    h' = o tanh(c')
    """

    name = "lstm"
    state_names: tuple[str, ...] = ("h", "c")
    constants: Mapping[str, float] = {}

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        return linear_shapes(4, input_size, hidden_size, bias)

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        return add_bias(multiply_input(x, weights), weights, "bias_ih", "bias_hh")

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, Gates]:
        h, c = state
        i, f, g, o = multiply_state(h, weights, projected).chunk(4, -1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * c + i * g
        return (o * c.tanh(), c), {"input": i, "forget": f, "cell": g, "output": o}

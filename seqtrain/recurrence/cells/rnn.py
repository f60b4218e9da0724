"""The simple recurrent network of torch.nn.RNN (Elman 1990, Cognitive Science 14:179-211)."""

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


class RNN:
    """No gates: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu in place of tanh."""

    state_names: tuple[str, ...] = ("h",)
    constants: Mapping[str, float] = {}

    def __init__(self, nonlinearity: str) -> None:
        self.name = f"rnn_{nonlinearity}"
        self.nonlinearity = {"tanh": torch.tanh, "relu": torch.relu}[nonlinearity]

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        return linear_shapes(1, input_size, hidden_size, bias)

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        return add_bias(multiply_input(x, weights), weights, "bias_ih", "bias_hh")

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, Gates]:
        (h,) = state
        return (self.nonlinearity(multiply_state(h, weights, projected)),), {}

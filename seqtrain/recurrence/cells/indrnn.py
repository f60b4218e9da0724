"""The independently recurrent neural network (Li et al. 2018, arXiv 1803.04831, equation 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from seqtrain.recurrence.cells.cell import Cell, GateValues, Shapes, State, Weights, register_cell

if TYPE_CHECKING:
    from torch import Tensor


@register_cell
class IndRNN(Cell):
    """Each unit sees its own past alone, with a weight u of its own; layers above mix the units:

    h' = relu(W x + u h + b)

    weight_uh holds u, and starts between 0 and 1. The paper bounds |u| by 2^(1/T) for sequences of T steps;
    here it is free.
    """

    name = "indrnn"
    biases = ("bias_ih",)
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"weight_uh": (0.0, 1.0)}

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        shapes: Shapes = {"weight_ih": (hidden_size, input_size), "weight_uh": (hidden_size,)}
        return shapes | {"bias_ih": (hidden_size,)} if bias else shapes

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, GateValues]:
        return (projected.addcmul(weights["weight_uh"].unsqueeze(1), state[0]).relu(),), {}

"""The minimal GRU (Feng et al. 2024, "Were RNNs All We Needed?", arXiv 2410.01201, section 3.1)."""

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
class MinGRU(Cell):
    """Gate and candidate see only the input, so all but the last line is computed for all steps at once:

    z = sigmoid(W_z x + b_z)
    n =         W_n x + b_n
    h' = (1 - z) h + z n

    The paper's update gate replaces the memory, that of torch's GRU keeps it.
    """

    name = "mingru"
    gates = (Gate("update", memory="replaces"), Gate("candidate", "linear"))
    biases = ("bias_ih",)

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        shapes: Shapes = {"weight_ih": (2 * hidden_size, input_size)}
        return shapes | {"bias_ih": (2 * hidden_size,)} if bias else shapes

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        from torch import cat

        z, n = add_bias(multiply_input(x, weights), weights, "bias_ih").chunk(2, -1)
        return cat([z.sigmoid(), n], -1)

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, GateValues]:
        z, n = projected.chunk(2, -1)
        return (state[0].lerp(n, z),), {"update": z, "candidate": n}  # (1 - z) h + z n

"""Where the LSTM's gates of one step lie in memory without gradients, and the products that fill them.

Letters as in lstm_loop.py. Weights have the rows of g multiplied by the scale that tanh expects.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from seqtrain.recurrence.engines.handwritten import Blocks, project
from seqtrain.recurrence.engines.products import Product, make_large_products, multiply, transpose


class Gates(Protocol):
    """The gates of one step, of all directions."""

    sigmoids: Sequence[Tensor]
    """What the sigmoid is applied to: i, f and o, and g where leaving it out would cost more."""

    def project(self, rows: Blocks, first: int, last: int, sizes: Sequence[int]) -> Iterable[Any]:
        """The input's share of the pre-activations, x W_ih^T + b, for each step from first to last - 1."""
        ...

    def resize(self, like: Tensor) -> Sequence[Tensor]:
        """Allocate gates for states (D, b, H) and return i, f, g, o in that shape."""
        ...

    def fill(self, x: Any, h: Tensor) -> None:
        """Store the pre-activations x + h W_hh^T, x being what `project` returned for this step."""
        ...


def choose_gates(
    weight_ih: Tensor, weight_hh: Tensor, bias: Tensor | None, num_rows: int, num_steps: int
) -> Gates:
    """The faster kind for this many steps of about this many sequences.

    Weights are (D, 4H, I) and (D, 4H, H), the bias (D, 4H).
    """
    if products := make_large_products(weight_hh, num_rows, num_steps):
        return GatesApart(weight_ih, products, bias)
    return GatesTogether(weight_ih, transpose(weight_hh, num_rows, num_steps), bias)


class GatesTogether:
    """All directions in one batched product by MKL; row by row, (D, b, 4H)."""

    sigmoids: Sequence[Tensor] = ()

    def __init__(self, weight_ih: Tensor, transposed_hh: Tensor, bias: Tensor | None) -> None:
        self.weight_ih, self.weight_hh, self.bias = weight_ih, transposed_hh, bias

    def project(self, rows: Blocks, first: int, last: int, sizes: Sequence[int]) -> Iterable[Tensor]:
        projected = project(rows.read(first, last), self.weight_ih, self.bias)
        return torch.split(projected, list(sizes), dim=1)

    def resize(self, like: Tensor) -> Sequence[Tensor]:
        self.gates = like.new_empty(*like.shape[:2], self.weight_hh.size(2))
        self.one_dtype = like.dtype == self.weight_hh.dtype
        self.sigmoids = (self.gates,)
        return self.gates.chunk(4, dim=-1)

    def fill(self, x: Tensor, h: Tensor) -> None:
        if self.one_dtype:
            torch.baddbmm(x, h, self.weight_hh, out=self.gates)
        else:
            self.gates.copy_(torch.baddbmm(x, h, self.weight_hh))


class GatesApart:
    """One product per direction by oneDNN; gate by gate, (4, D, b, H), so that what follows is contiguous."""

    sigmoids: Sequence[Tensor] = ()

    def __init__(self, weight_ih: Tensor, products: Sequence[Product], bias: Tensor | None) -> None:
        self.weights_ih, self.products = weight_ih.unbind(0), products
        self.biases = [None] * len(weight_ih) if bias is None else bias.unbind(0)

    def project(
        self, rows: Blocks, first: int, last: int, sizes: Sequence[int]
    ) -> Iterable[tuple[Tensor, ...]]:
        projected = map(multiply, rows.read_apart(first, last), self.weights_ih, self.biases)
        by_gate = (each.view(len(each), 4, -1) for each in projected)
        steps = (rows.split(direction, each, sizes) for direction, each in enumerate(by_gate))
        return zip(*steps, strict=True)

    def resize(self, like: Tensor) -> Sequence[Tensor]:
        gates = like.new_empty(4, *like.shape)
        self.by_direction = gates.permute(1, 2, 0, 3).unbind(0)  # (b, 4, H) each
        self.sigmoids = (gates[:2], gates[3])
        return gates.unbind(0)

    def fill(self, x: Sequence[Tensor], h: Tensor) -> None:
        for gates, projected, state, product in zip(
            self.by_direction, x, h.unbind(0), self.products, strict=True
        ):
            torch.add(product(state).view(gates.shape), projected, out=gates)

"""Small layers for the interpreted Triton kernels, and the reference that they are compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.recurrence import CELLS, PackedWalk, State, Weights
from seqtrain.recurrence.engines.reference import reference_layer

LSTM = CELLS["lstm"]


@dataclass
class Layer:
    x: Tensor
    weights: list[Weights]
    state: State
    walk: PackedWalk

    @property
    def leaves(self) -> list[Tensor]:
        return [self.x, *self.state, *(weight for named in self.weights for weight in named.values())]


def draw_layer(
    hidden_size: int,
    batch_sizes: tuple[int, ...],
    num_directions: int = 2,
    bias: bool = True,
    dtype: torch.dtype = torch.float32,
    scale: float = 1.0,
) -> Layer:
    generator = torch.Generator().manual_seed(hidden_size)
    walk = PackedWalk(batch_sizes, torch.device("cpu"))

    def draw(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
        return torch.randn(shape, generator=generator).mul_(scale).to(dtype).requires_grad_()

    shapes = LSTM.shapes(5, hidden_size, bias)
    return Layer(
        x=draw(walk.num_rows, 5),
        weights=[
            {name: (draw(*shape) * 0.2).detach().requires_grad_() for name, shape in shapes.items()}
            for _ in range(num_directions)
        ],
        state=(
            draw(num_directions, batch_sizes[0], hidden_size),
            draw(num_directions, batch_sizes[0], hidden_size, dtype=torch.float32),
        ),
        walk=walk,
    )


def run_triton(layer: Layer) -> tuple[Tensor, State]:
    from seqtrain.recurrence.engines.triton.engine import triton_layer

    return triton_layer(LSTM, layer.x, layer.weights, layer.state, layer.walk)


def run_reference(layer: Layer) -> tuple[Tensor, State]:
    return reference_layer(LSTM, layer.x, layer.weights, layer.state, layer.walk)


def differentiate(layer: Layer, run: Callable[[Layer], tuple[Tensor, State]]) -> list[Tensor]:
    """All results and gradients of a loss in which every result has its own weight."""
    output, final = run(layer)
    values = [output, *final]
    generator = torch.Generator().manual_seed(13)
    loss = sum((value * torch.randn(value.shape, generator=generator)).sum() for value in values)
    return [*values, *torch.autograd.grad(loss, layer.leaves)]


def assert_like_reference(layer: Layer, tolerance: float = 1e-5) -> None:
    mine = differentiate(layer, run_triton)
    theirs = differentiate(layer, run_reference)
    for left, right in zip(mine, theirs, strict=True):
        torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance * right.abs().max().item())

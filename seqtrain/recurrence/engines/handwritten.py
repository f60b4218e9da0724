"""The interface of a cell whose gradients are written by hand, and what such cells share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from seqtrain.recurrence.cells import State, Weights
from seqtrain.recurrence.engines.products import multiply, prefers_onednn
from seqtrain.recurrence.walk import PackedWalk

Matrices: TypeAlias = Mapping[str, Tensor]
"""Parameters by name, with D in front of the shape of one direction."""
Saved: TypeAlias = tuple[Tensor, ...]
"""What the backward pass needs: the gates, which it overwrites, then h (D, B + N, H) and the other states."""


@dataclass(frozen=True)
class Gradients:
    """What `backward` returns: (D, N, G * H), (D, B, H) each, and by name one tensor per direction."""

    projected: Tensor
    state: State
    weights: Mapping[str, list[Tensor]]


class Blocks(Protocol):
    """Input and output of D directions, block by block, for `HandWritten.run`."""

    def read(self, first: int, last: int) -> Tensor:
        """Rows of steps first to last - 1 in the order of the walk: (D, rows, I)."""
        ...

    def read_apart(self, first: int, last: int) -> Sequence[Tensor]:
        """The same rows by direction, (rows, I) each, in the order that `split` expects."""
        ...

    def split(self, direction: int, rows: Tensor, sizes: Sequence[int]) -> Sequence[Tensor]:
        """Cut what belongs to one direction's rows (rows, ...) into the steps of the walk."""
        ...

    def write(self, first: int, last: int, h: Tensor) -> None:
        """Store h (D, rows, H) of these steps."""
        ...


class HandWritten(Protocol):
    """A layer's passes for D directions that walk together; rows (D, N, I) are in the order of the walk."""

    name: str

    def forward(self, rows: Tensor, weights: Matrices, state: State, walk: PackedWalk) -> tuple[Saved, State]:
        """Run all steps; the final states are (D, B, H) each, in new memory."""
        ...

    def backward(
        self, rows: Tensor, weights: Matrices, saved: Saved, d_h: Tensor, d_memory: State, walk: PackedWalk
    ) -> Gradients:
        """Differentiate all steps.

        `d_h` (D, N, H) is the gradient that reaches h at each row, `d_memory` (D, B, H) those of the final
        states other than h. All three, saved, d_h and d_memory, may be overwritten.
        """
        ...

    def run(self, rows: Blocks, weights: Sequence[Weights], state: State, walk: PackedWalk) -> State:
        """Run all steps without keeping anything for a backward pass; return the final states."""
        ...


def project(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """rows weight^T + bias for every direction: (D, N, I), (D, F, I), (D, F) to (D, N, F)."""
    if len(rows) == 1:
        return multiply(rows[0], weight[0], None if bias is None else bias[0]).unsqueeze(0)
    if prefers_onednn(rows, rows[0].numel() * weight.size(1)):
        biases = [None] * len(rows) if bias is None else list(bias)
        return torch.stack([multiply(*each) for each in zip(rows, weight, biases, strict=True)])
    if bias is None:
        return torch.bmm(rows, weight.mT)
    return torch.baddbmm(bias.unsqueeze(1), rows, weight.mT)


def stack(tensors: Sequence[Tensor]) -> Tensor:
    """Stack along a new first dimension, without a copy where there is only one."""
    return torch.stack(list(tensors)) if len(tensors) > 1 else tensors[0].unsqueeze(0)


def stack_by_name(weights: Sequence[Weights]) -> dict[str, Tensor]:
    """The parameters of several directions as one tensor per name."""
    return {name: stack([direction[name] for direction in weights]) for name in weights[0]}


def stack_scaled(weights: Sequence[Weights], hidden_size: int, scale: int) -> dict[str, Tensor]:
    """Like `stack_by_name`, then `scale_candidate`, with one copy."""
    if scale == 1:
        return stack_by_name(weights)
    stacked = {name: torch.stack([direction[name] for direction in weights]) for name in weights[0]}
    return _scale_in_place(stacked, hidden_size, scale)


def scale_candidate(weights: Matrices, hidden_size: int, scale: int) -> Matrices:
    """Multiply the rows of the gate that takes tanh (g or n, the third) by `scale`, in a copy."""
    if scale == 1:
        return weights
    return _scale_in_place({name: weight.clone() for name, weight in weights.items()}, hidden_size, scale)


def _scale_in_place(weights: dict[str, Tensor], hidden_size: int, scale: int) -> dict[str, Tensor]:
    for weight in weights.values():
        weight[:, 2 * hidden_size : 3 * hidden_size].mul_(scale)
    return weights


def sum_over_rows(d_gates: Tensor) -> list[Tensor]:
    """The gradients of a bias: (D, N, F) to (F,) per direction, each in its own memory."""
    return [direction.sum(0) for direction in d_gates]

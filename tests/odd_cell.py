"""A cell that is unlike torch's in every respect that code could rely on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from seqtrain.recurrence.cells import Cell, Gate, GateValues, Shapes, State, Weights


class OddCell(Cell):
    """Three states of three sizes, no weight_hh, no bias, and one more parameter, whose name has an _l in it:

    k = sigmoid(W_k x + u h)
    n = W_n x
    m' = k m + (1 - k) n   twice: m is of size 2H
    h' = tanh of the sum of both halves of m' + a'
    a' = a + 0.1, the age of the sequence: one number
    """

    name = "odd"
    gates = (Gate("keep", memory="keeps"), Gate("candidate", "linear"))
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"weight_loop_l3": (2.0, 3.0)}

    def state_sizes(self, hidden_size: int) -> dict[str, int]:
        return {"h": hidden_size, "m": 2 * hidden_size, "age": 1}

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        return {"weight_ih": (2 * hidden_size, input_size), "weight_loop_l3": (hidden_size,)}

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, GateValues]:
        h, m, age = state
        x_k, n = projected.chunk(2, -1)
        k = torch.addcmul(x_k, h, weights["weight_loop_l3"].unsqueeze(1)).sigmoid()
        m = torch.cat([k, k], -1) * m + torch.cat([(1 - k) * n, (1 - k) * n.sin()], -1)
        age = age + 0.1
        return ((sum(m.chunk(2, -1)) + age).tanh(), m, age), {"keep": k, "candidate": n}


def run_by_hand(weights: Mapping[str, Tensor], sequence: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One direction over one sequence (T, I): h of every step (T, H), and the last h, m and age."""
    size = weights["weight_loop_l3"].numel()
    h, first, second, age = torch.zeros(size), torch.zeros(size), torch.zeros(size), torch.zeros(1)
    steps = []
    for x in sequence:
        k = torch.sigmoid(weights["weight_ih"][:size] @ x + weights["weight_loop_l3"] * h)
        n = weights["weight_ih"][size:] @ x
        first, second, age = k * first + (1 - k) * n, k * second + (1 - k) * n.sin(), age + 0.1
        h = (first + second + age).tanh()
        steps.append(h)
    return torch.stack(steps), h, torch.cat([first, second]), age

"""The interface of a cell."""

from collections.abc import Mapping
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

Weights: TypeAlias = Mapping[str, Tensor]
State: TypeAlias = tuple[Tensor, ...]
Gates: TypeAlias = dict[str, Tensor]
Shapes: TypeAlias = dict[str, tuple[int, ...]]


class FastWeights(dict[str, Tensor]):
    """The weights of a layer, D in front of each, with products that an engine has for them."""

    def multiply_input(self, x: Tensor) -> Tensor:
        """x W_ih^T: (D, N, I) to (D, N, G * H)."""
        raise NotImplementedError

    def multiply_state(self, h: Tensor, addend: Tensor | None) -> Tensor:
        """h W_hh^T of one step, plus `addend`, both (D, b, G * H): h is (D, b, H)."""
        raise NotImplementedError


class Cell(Protocol):
    """One step of a recurrence, for all directions at once.

    Letters: D directions, N rows of all steps, b rows alive at this step, I and H features in and out,
    G gates. In `project` and `step` every weight has D in front of the shape given by `shapes`. Products by
    `multiply_input` and `multiply_state` are the fastest.
    """

    name: str
    state_names: tuple[str, ...]
    """("h", "c") or ("h",); the first one is the output."""
    constants: Mapping[str, float]
    """Parameters that start at a constant. All others start uniformly in +-1/sqrt(H), as in torch."""

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        """Parameters of one direction of one layer, in torch's order and with its names."""
        ...

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """All that does not depend on the state, for the whole sequence: (D, N, I) to (D, N, G * H)."""
        ...

    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, Gates]:
        """One step: `projected` (D, b, G * H) and each state (D, b, H) to the next states (D, b, H).

        Also returns the gates after their nonlinearity, (D, b, H) each: of "input", "forget", "cell" and
        "output" or "reset", "update" and "new" those that the cell has.
        """
        ...


def linear_shapes(num_gates: int, input_size: int, hidden_size: int, bias: bool) -> Shapes:
    """The parameters that torch's recurrent layers have: two matrices and, if wanted, two biases."""
    rows = num_gates * hidden_size
    shapes: Shapes = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size)}
    if bias:
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
    return shapes


def multiply_input(x: Tensor, weights: Weights) -> Tensor:
    """x W_ih^T for the whole sequence: (D, N, I) to (D, N, G * H)."""
    if isinstance(weights, FastWeights):
        return weights.multiply_input(x)
    return x @ weights["weight_ih"].mT


def multiply_state(h: Tensor, weights: Weights, addend: Tensor | None = None) -> Tensor:
    """h W_hh^T of one step, plus `addend` if there is one, both (D, b, G * H): h is (D, b, H)."""
    if isinstance(weights, FastWeights):
        return weights.multiply_state(h, addend)
    matrix = weights["weight_hh"].mT
    return torch.bmm(h, matrix) if addend is None else torch.baddbmm(addend, h, matrix)


def add_bias(gates: Tensor, weights: Weights, *names: str) -> Tensor:
    """Add the biases of these names, (D, G * H) each, where the layer has them."""
    biases = [weights[name] for name in names if name in weights]
    # times 1: of a plain sum, all get the same tensor as their gradient, and clipping scales it twice
    return gates + sum((bias * 1 for bias in biases[1:]), biases[0]).unsqueeze(1) if biases else gates

"""The interface of a cell."""

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from torch import Tensor

Weights: TypeAlias = Mapping[str, Tensor]
State: TypeAlias = tuple[Tensor, ...]
Gates: TypeAlias = dict[str, Tensor]
Shapes: TypeAlias = dict[str, tuple[int, ...]]


class Cell(Protocol):
    """One step of a recurrence, for all directions at once.

    Letters: D directions, N rows of all steps, b rows alive at this step, I and H features in and out,
    G gates. In `project` and `step` every weight has D in front of the shape given by `shapes`.
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


def add_bias(gates: Tensor, weights: Weights, *names: str) -> Tensor:
    """Add the biases of these names, (D, G * H) each, where the layer has them."""
    biases = [weights[name] for name in names if name in weights]
    return gates + sum(biases[1:], biases[0]).unsqueeze(1) if biases else gates

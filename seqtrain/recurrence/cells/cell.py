"""What a cell declares, and the cells by name.

The modules of this package import torch for type checkers only: the configuration asks a cell for its name
and its shapes before torch is imported.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Weights: TypeAlias = "Mapping[str, Tensor]"
State: TypeAlias = "tuple[Tensor, ...]"
GateValues: TypeAlias = "dict[str, Tensor]"
Shapes: TypeAlias = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Gate:
    """A value that a step computes for every unit on its way to the next state.

    Args:
        name: its name in tags, figures and pages; "candidate" is what would be written to the memory.
        kind: "sigmoid" for values from 0 to 1, "tanh" for values from -1 to 1, "linear" for any.
        memory: how it acts on the memory: its value is the share of the previous memory that the step "keeps"
            or "replaces", or the share of the candidate that it "writes". None if it does not act on it.
    """

    name: str
    kind: Literal["sigmoid", "tanh", "linear"] = "sigmoid"
    memory: Literal["keeps", "replaces", "writes"] | None = None


@dataclass(frozen=True)
class OnnxNode:
    """The ONNX operator that computes a cell with the parameters of torch's layers.

    Args:
        operator: its name.
        blocks: for each block of H rows that ONNX expects, the index of that block in the cell's weights.
        attributes: of the node, where they differ from the operator's defaults.
        activations: of one direction, where they are not the operator's defaults.
    """

    operator: str
    blocks: tuple[int, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    activations: tuple[str, ...] = ()

    def all_attributes(self, num_directions: int) -> dict[str, Any]:
        attributes = dict(self.attributes)
        if self.activations:
            attributes["activations"] = list(self.activations * num_directions)
        return attributes


class Cell(ABC):
    """One step of a recurrence, for all directions at once, and all that other code asks about it.

    Letters: D directions, N rows of all steps, b rows of this step, I and H features in and out, G gates.
    In `project` and `step` every weight has D in front of the shape given by `shapes`.

    Only `name` and `step` have no default. The names weight_ih, weight_hh, bias_ih and bias_hh are reserved
    for what they mean in torch's layers.
    """

    name: ClassVar[str]
    """What selects the cell: `BiLSTM(cell=...)`, `model.cell=...`."""
    states: ClassVar[tuple[str, ...]] = ("h",)
    """The states that a step starts from, of hidden_size each; the first one is the output."""
    gates: ClassVar[tuple[Gate, ...]] = ()
    """The gates that `step` returns, in its order, which is that of their blocks of H rows in the weights."""
    constants: ClassVar[Mapping[str, float]] = {}
    """Parameters that start at a constant."""
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Parameters that start uniformly between two numbers; all others within +-1/sqrt(H), as in torch."""
    biases: ClassVar[tuple[str, ...]] = ("bias_ih", "bias_hh")
    """The parameters whose sum is added to every gate before its nonlinearity."""
    onnx: ClassVar[OnnxNode | None] = None
    """None where ONNX has no operator with these equations. Not inherited: a subclass may have others."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.onnx = vars(cls).get("onnx")

    def state_sizes(self, hidden_size: int) -> dict[str, int]:
        """The size of each state by name; to be overridden where one differs from hidden_size."""
        return dict.fromkeys(self.states, hidden_size)

    def shapes(self, input_size: int, hidden_size: int, bias: bool) -> Shapes:
        """Parameters of one direction of one layer, in their order, by torch's names where it has them."""
        return linear_shapes(max(1, len(self.gates)), input_size, hidden_size, bias)

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """All that does not depend on the state, for the whole sequence: (D, N, I) to (D, N, any size)."""
        return add_bias(multiply_input(x, weights), weights, *self.biases)

    @abstractmethod
    def step(self, projected: Tensor, state: State, weights: Weights) -> tuple[State, GateValues]:
        """One step: rows (D, b, any size) of `project` and each state (D, b, size) to the next states.

        Also returns the values of the `gates` by name, after their nonlinearity, (D, b, H) each.
        """

    @property
    def state_names(self) -> tuple[str, ...]:
        return tuple(self.state_sizes(1))

    def find_gate(self, memory: str) -> Gate | None:
        """The gate that does this to the memory, see `Gate`; None where the cell has none."""
        return next((gate for gate in self.gates if gate.memory == memory), None)

    def find_blocks(self, parameter: str) -> tuple[str, ...]:
        """The gates whose blocks of H rows make up a parameter, from top to bottom; empty without blocks."""
        rows = self.shapes(1, 1, True).get(parameter, (0,))[0]
        return tuple(gate.name for gate in self.gates) if rows == len(self.gates) else ()


def linear_shapes(num_gates: int, input_size: int, hidden_size: int, bias: bool) -> Shapes:
    """The parameters that torch's recurrent layers have: two matrices and, if wanted, two biases."""
    rows = num_gates * hidden_size
    shapes: Shapes = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size)}
    if bias:
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
    return shapes


def multiply_input(x: Tensor, weights: Weights) -> Tensor:
    """x W_ih^T for the whole sequence: (D, N, I) to (D, N, G * H)."""
    return x @ weights["weight_ih"].mT


def multiply_state(h: Tensor, weights: Weights, addend: Tensor | None = None) -> Tensor:
    """h W_hh^T of one step, plus `addend` if given: h (D, b, H); the addend and the result (D, b, G * H)."""
    matrix = weights["weight_hh"].mT
    return h.bmm(matrix) if addend is None else addend.baddbmm(h, matrix)


def add_bias(gates: Tensor, weights: Weights, *names: str) -> Tensor:
    """Add the biases of these names, (D, G * H) each, where the layer has them."""
    biases = [weights[name] for name in names if name in weights]
    # times 1: in a plain sum the biases would share one gradient tensor, and clipping would scale it twice
    return gates + sum((bias * 1 for bias in biases[1:]), biases[0]).unsqueeze(1) if biases else gates


CELLS: dict[str, Cell] = {}
"""Every cell that is known: those of this package, and those of plugins that have been imported."""

CellType = TypeVar("CellType", bound=type[Cell])


def register_cell(cell: CellType) -> CellType:
    """Make a cell known by its name: a decorator of its class.

    Raises:
        ValueError: its declaration contradicts itself, or another cell has the name.
    """
    instance = cell()
    if cell.__module__.rpartition(".")[0] != __package__:  # those of this package are checked by a test
        for problem in find_problems(instance):
            raise ValueError(f"cell {cell.__module__}.{cell.__qualname__}: {problem}")
    CELLS[instance.name] = instance
    return cell


def find_problems(cell: Cell) -> Iterator[str]:
    """What in the declaration of a cell contradicts itself."""
    name = getattr(cell, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        yield f"name must consist of lower-case letters, digits and underscores, got: {name!r}"
        return
    known = type(CELLS.get(name, cell))
    if (known.__module__, known.__qualname__) != (type(cell).__module__, type(cell).__qualname__):
        yield f"the name {name!r} is taken by {known.__module__}.{known.__qualname__}; give it another"
    sizes, parameters = list(cell.state_sizes(64).items()), cell.shapes(48, 64, True)
    if not sizes or sizes[0][1] != 64:
        yield f"the first state is the output and must have hidden_size numbers, got state_sizes: {sizes}"
    names = [gate.name for gate in cell.gates]
    if len(set(names)) < len(names):
        yield f"gates must have different names, got: {', '.join(names)}"
    for what in ("constants", "ranges"):
        if unknown := [each for each in getattr(cell, what) if each not in parameters]:
            yield f"{what} names {', '.join(unknown)}; its parameters are {', '.join(parameters)}"

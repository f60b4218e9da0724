"""What all cells declare and have in common, and how one is registered."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from seqtrain.model import BiLSTM
from seqtrain.recurrence.cells import CELLS, Cell, Gate, add_bias, linear_shapes, register_cell
from seqtrain.recurrence.cells.cell import find_problems
from seqtrain.recurrence.cells.lstm import LSTM


@pytest.mark.parametrize("name", CELLS)
def test_the_declarations_of_the_package_contradict_nothing(name: str) -> None:
    assert list(find_problems(CELLS[name])) == []


def test_linear_shapes_are_those_of_torch() -> None:
    expected = {name: tuple(weight.shape) for name, weight in torch.nn.LSTMCell(3, 5).named_parameters()}
    assert linear_shapes(4, 3, 5, bias=True) == expected
    assert list(linear_shapes(4, 3, 5, bias=False)) == ["weight_ih", "weight_hh"]


def test_biases_are_added_for_each_direction() -> None:
    weights = {"bias_ih": torch.tensor([[1.0], [2.0]]), "bias_hh": torch.tensor([[10.0], [20.0]])}
    gates = torch.zeros(2, 3, 1)  # directions, rows, gates
    assert add_bias(gates, weights, "bias_ih", "bias_hh").flatten(1).tolist() == [[11.0] * 3, [22.0] * 3]
    assert add_bias(gates, weights, "bias_hh").flatten(1).tolist() == [[10.0] * 3, [20.0] * 3]
    assert add_bias(gates, {}, "bias_ih") is gates


@pytest.mark.parametrize("name", CELLS)
def test_a_step_gives_states_and_gates_of_the_promised_shapes(name: str) -> None:
    cell = CELLS[name]
    weights = {name: torch.randn(2, *shape) for name, shape in cell.shapes(3, 5, bias=True).items()}
    state = tuple(torch.randn(2, 4, 5) for _ in cell.state_names)
    after, gates = cell.step(cell.project(torch.randn(2, 4, 3), weights), state, weights)
    assert [each.shape for each in (*after, *gates.values())] == [(2, 4, 5)] * (len(state) + len(gates))
    assert list(gates) == [gate.name for gate in cell.gates]


@pytest.mark.parametrize("cell", CELLS)
def test_bfloat16_under_autocast(cell: str) -> None:
    torch.manual_seed(0)
    layer = BiLSTM(8, 16, cell=cell)
    x = torch.randn(12, 3, 8)
    exact, _ = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _ = layer(x)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), exact, rtol=0.05, atol=0.1)
    output.float().sum().backward()


def declare(**members: Any) -> type[Cell]:
    return type("Mine", (Cell,), {"name": "mine", "step": None, "__module__": __name__, **members})


def test_a_registered_cell_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CELLS, "mine", CELLS["lstm"])
    monkeypatch.delitem(CELLS, "mine")
    cls = declare()
    assert register_cell(cls) is cls
    assert type(CELLS["mine"]) is cls
    register_cell(declare())  # its module was imported once more
    assert type(CELLS["mine"]) is not cls


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        (
            {"name": "My Cell"},
            "name must consist of lower-case letters, digits and underscores, got: 'My Cell'",
        ),
        ({"name": "gru"}, "the name 'gru' is taken by seqtrain.recurrence.cells.gru.GRU; give it another"),
        (
            {"state_sizes": lambda self, size: {"h": 2 * size}},  # noqa: ARG005
            "the first state is the output and must have hidden_size numbers, got state_sizes: [('h', 128)]",
        ),
        ({"gates": (Gate("a"), Gate("a"))}, "gates must have different names, got: a, a"),
        (
            {"constants": {"gain": 1.0}},
            "constants names gain; its parameters are weight_ih, weight_hh, bias_ih, bias_hh",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(members: dict[str, Any], problem: str) -> None:
    known = dict(CELLS)
    with pytest.raises(ValueError) as refused:
        register_cell(declare(**members))
    assert str(refused.value) == f"cell {__name__}.Mine: {problem}"
    assert known == CELLS


def test_the_operator_of_onnx_is_not_inherited() -> None:
    """A subclass may compute something else, and would be exported as what it is not."""

    class HalfLSTM(LSTM):
        name = "lstm_half"

    assert LSTM.onnx is not None
    assert HalfLSTM.onnx is None
    assert type("Same", (LSTM,), {"onnx": LSTM.onnx}).onnx is LSTM.onnx


def test_what_cells_declare_is_known_without_torch() -> None:
    program = (
        "import sys; from seqtrain.recurrence.cells import CELLS;"
        "print(sum(map(len, (CELLS[name].shapes(3, 4, True) for name in CELLS))), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    count = sum(len(cell.shapes(3, 4, True)) for cell in CELLS.values())
    assert done.stdout == f"{count} False\n"


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_keeps_what_it_declares(name: str) -> None:
    cell = CELLS[name]
    assert cell.name == name
    shapes = cell.shapes(3, 4, True)
    assert set(cell.biases) <= set(shapes)
    assert {*cell.constants, *cell.ranges} <= set(shapes)
    assert set(cell.shapes(3, 4, False)) <= set(shapes)
    assert len(cell.find_blocks("weight_ih")) == len(cell.gates)
    if cell.onnx is not None:
        assert sorted(cell.onnx.blocks) == list(range(max(1, len(cell.gates))))

"""What all cells have in common."""

import pytest
import torch

from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS
from seqtrain.recurrence.cells.cell import add_bias, linear_shapes


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

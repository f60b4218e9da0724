"""A cell with other states, other parameters and no recurrent matrix, wherever a cell can go."""

from __future__ import annotations

import pickle
import re
from copy import deepcopy

import pytest
import torch
from odd_cell import OddCell, run_by_hand
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from seqtrain.model import BiLSTM, Initialization, RecurrentBackbone
from seqtrain.recurrence import CELLS
from seqtrain.recurrence.operator import _layer
from seqtrain.recurrence.trace import collect_weights, trace
from seqtrain.serving.export.scan import ScannedRecurrence

LENGTHS = torch.tensor([4, 6, 1])


@pytest.fixture(autouse=True)
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CELLS, "odd", OddCell())


def make(num_layers: int = 1) -> tuple[BiLSTM, list[Tensor]]:
    torch.manual_seed(0)
    layer = BiLSTM(3, 4, num_layers, cell="odd").eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return layer, [torch.randn(int(length), 3) for length in LENGTHS]


def expected(layer: BiLSTM, sequences: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs of each sequence (T, 2H), and each final state, (2, B, size)."""
    ((forward, backward),) = collect_weights(layer, CELLS["odd"])
    there = [run_by_hand(forward, each) for each in sequences]
    back = [run_by_hand(backward, each.flip(0)) for each in sequences]
    outputs = [torch.cat([a[0], b[0].flip(0)], dim=1) for a, b in zip(there, back, strict=True)]
    ways = (there, back)
    finals = [torch.stack([torch.stack([each[k] for each in way]) for way in ways]) for k in (1, 2, 3)]
    return outputs, finals


@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_packed_sequences(backend: str) -> None:
    layer, sequences = make()
    layer.backend = backend
    outputs, finals = expected(layer, sequences)
    packed, state = layer(pack_sequence(sequences, enforce_sorted=False))
    for mine, theirs in zip(state, finals, strict=True):
        torch.testing.assert_close(mine, theirs)
    rows, _ = pad_packed_sequence(packed)
    for number, output in enumerate(outputs):
        torch.testing.assert_close(rows[: len(output), number], output)


def test_states_go_in_and_out() -> None:
    layer, (x, *_) = make(num_layers=2)
    layer = BiLSTM(3, 4, 2, bidirectional=False, cell="odd")
    whole, final = layer(x)
    first, between = layer(x[:2])
    second, last = layer(x[2:], between)
    torch.testing.assert_close(torch.cat([first, second]), whole)
    assert [each.shape for each in final] == [(2, 4), (2, 8), (2, 1)]
    for mine, theirs in zip(last, final, strict=True):
        torch.testing.assert_close(mine, theirs)
    legend = "(num_layers * num_directions, 8), as the input is unbatched"
    with pytest.raises(RuntimeError, match=f"^{re.escape(f'm_0 must be (2, 8): {legend}, got: (2, 4)')}$"):
        layer(x, (final[0], final[0], final[0]))
    wanted = "hx must be the tuple (h_0 (2, 4), m_0 (2, 8), age_0 (2, 1)), got: a Tensor"
    with pytest.raises(RuntimeError, match=f"^{re.escape(wanted)}$"):
        layer(x, final[0])


def test_the_trace_and_its_gradients() -> None:
    layer, sequences = make()
    outputs, finals = expected(layer, sequences)
    features = nn.utils.rnn.pad_sequence(sequences, batch_first=True)
    traced = trace(layer, features, LENGTHS)
    for number, output in enumerate(outputs):
        torch.testing.assert_close(traced.output[number, : len(output)], output)
    for mine, theirs in zip(traced.final_state.states, finals, strict=True):
        torch.testing.assert_close(mine, theirs)
    part = traced.layers[0][0]
    shapes = {name: each.shape for name, each in part.states.items()}
    assert shapes == {"h": (3, 6, 4), "m": (3, 6, 8), "age": (3, 6, 1)}
    assert [gate.name for gate in traced.cell.gates] == list(part.gates) == ["keep", "candidate"]
    gradients = traced.state_gradients(traced.output.sum())
    assert {name: each.shape for name, each in gradients[0][1].states.items()} == shapes
    other = trace(layer, features, LENGTHS, traced.final_state)
    assert not torch.allclose(other.output, traced.output)


@torch.no_grad()
def test_backbone_scan_and_copies() -> None:
    layer, sequences = make(num_layers=2)
    features = nn.utils.rnn.pad_sequence(sequences, batch_first=True)
    states, _, final = RecurrentBackbone(layer)(features.clone(), LENGTHS)
    scanned, _, scanned_final = ScannedRecurrence(layer)(features, LENGTHS)
    torch.testing.assert_close(scanned, states)
    torch.testing.assert_close(scanned_final.states[1], final.states[1][2:])
    again, *_ = RecurrentBackbone(layer)(features, LENGTHS, final)
    assert not torch.allclose(again, states)
    for copied in (deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(RecurrentBackbone(copied)(features, LENGTHS)[0], states)


# opcheck looks at the gradients of what it made itself
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_the_operator_is_well_formed() -> None:
    layer = BiLSTM(3, 4, cell="odd", dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)
    state = [torch.randn(2, 2, size, dtype=torch.float64) for size in (4, 8, 1)]
    arguments = (x, None, state, list(layer.parameters()), "odd", "auto", "weight_ih weight_loop_l3")
    torch.library.opcheck(_layer, arguments)


@pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated")
def test_compilers_and_tracers() -> None:
    layer, _ = make(num_layers=2)
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(torch.compile(layer, backend="aot_eager", fullgraph=True)(x), layer(x))
    traced = torch.jit.trace(layer, x)
    torch.testing.assert_close(traced(torch.cat([x, x])), layer(torch.cat([x, x])))


def test_parameters_start_where_the_cell_says() -> None:
    layer = BiLSTM(3, 4, 11, cell="odd", bias=False)
    parametrizations.weight_norm(layer, "weight_loop_l3_l10", dim=None)
    prune.identity(layer, "weight_loop_l3_l9_reverse")
    layer.reset_parameters()
    for name, parameter in layer.named_parameters():
        low, high = (2.0, 3.0) if "weight_loop_l3" in name else (-0.5, 0.5)
        assert parameter.min() >= low, name
        assert parameter.max() <= high, name
    assert layer.mode == "ODD"


def test_no_matrix_to_make_orthogonal_and_no_bias_to_set() -> None:
    layer, _ = make()
    with pytest.raises(ValueError, match=r"^orthogonal: odd has no weight_hh to set$"):
        Initialization(orthogonal=True, forget_bias=None, chrono_steps=None).apply(layer)
    message = r"^forget_bias: odd here has no bias of a gate that keeps the memory"
    with pytest.raises(ValueError, match=message):
        Initialization(orthogonal=False, forget_bias=1.0, chrono_steps=None).apply(layer)

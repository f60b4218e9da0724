"""First weights of recurrent modules."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from seqtrain.analysis.gates import gate_statistics
from seqtrain.model import BiLSTM
from seqtrain.model.initialization import Initialization
from seqtrain.recurrence import CELLS
from seqtrain.recurrence.trace import trace

HIDDEN = 4
MODULES = {
    "rnn": lambda: nn.RNN(3, HIDDEN, num_layers=2),
    "gru": lambda: nn.GRU(3, HIDDEN, bidirectional=True),
    "lstm": lambda: nn.LSTM(3, HIDDEN, num_layers=2, bidirectional=True),
    "bilstm": lambda: BiLSTM(3, HIDDEN, num_layers=2),
}


def weights(rnn: nn.Module, prefix: str) -> list[torch.Tensor]:
    found = [p.detach().clone() for name, p in rnn.named_parameters() if name.startswith(prefix)]
    assert found
    return found


@pytest.mark.parametrize("kind", MODULES)
def test_orthogonal_gates(kind: str) -> None:
    rnn = MODULES[kind]()
    before = weights(rnn, "weight_ih")
    Initialization(orthogonal=True, forget_bias=None, chrono_steps=None).apply(rnn)
    for weight in weights(rnn, "weight_hh"):
        for gate in weight.split(HIDDEN):
            torch.testing.assert_close(gate @ gate.T, torch.eye(HIDDEN))
    for left, right in zip(before, weights(rnn, "weight_ih"), strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("kind", ["lstm", "bilstm"])
def test_forget_bias_is_the_sum_of_both_biases(kind: str) -> None:
    rnn = MODULES[kind]()
    before = weights(rnn, "bias_ih")
    Initialization(orthogonal=False, forget_bias=1.5, chrono_steps=None).apply(rnn)
    pairs = zip(weights(rnn, "bias_ih"), weights(rnn, "bias_hh"), before, strict=True)
    for bias_ih, bias_hh, old in pairs:
        total = bias_ih + bias_hh
        assert total[HIDDEN : 2 * HIDDEN].tolist() == [1.5] * HIDDEN
        assert torch.equal(bias_ih[:HIDDEN], old[:HIDDEN])
        assert torch.equal(bias_ih[2 * HIDDEN :], old[2 * HIDDEN :])


def test_chrono_biases_span_the_steps() -> None:
    torch.manual_seed(0)
    rnn = nn.LSTM(1, 1000)
    Initialization(orthogonal=False, forget_bias=None, chrono_steps=785).apply(rnn)
    total = (rnn.bias_ih_l0 + rnn.bias_hh_l0).detach()
    forget, entry = total[1000:2000], total[:1000]
    assert torch.equal(entry, -forget)
    # exp of a forget bias is the span that it stands for, drawn evenly between 1 and 784.
    assert forget.exp().min() >= 1
    assert forget.exp().max() <= 784 * (1 + 1e-5)
    assert float(forget.exp().mean()) == pytest.approx(392.5, rel=0.05)
    assert float(forget.max()) <= math.log(785)


@pytest.mark.parametrize(("kind", "chrono_steps"), [("lstm", None), ("rnn", 50)])
def test_nothing_asked_and_no_memory_change_nothing(kind: str, chrono_steps: int | None) -> None:
    rnn = MODULES[kind]()
    before = [p.detach().clone() for p in rnn.parameters()]
    Initialization(orthogonal=False, forget_bias=None, chrono_steps=chrono_steps).apply(rnn)
    assert all(torch.equal(left, right) for left, right in zip(before, rnn.parameters(), strict=True))


@pytest.mark.parametrize(
    ("rnn", "what"),
    [
        (nn.RNN(3, 4), "RNN"),
        (nn.Linear(3, 4), "Linear"),
        (nn.LSTM(3, 4, bias=False), "LSTM"),
        (BiLSTM(3, 4, cell="rnn_relu"), "rnn_relu"),
    ],
)
def test_forget_bias_is_refused_where_there_is_none(rnn: nn.Module, what: str) -> None:
    with pytest.raises(ValueError) as refused:
        Initialization(orthogonal=False, forget_bias=1.0, chrono_steps=None).apply(rnn)
    assert str(refused.value) == (
        f"forget_bias: {what} here has no bias of a gate that keeps the memory; "
        "an LSTM or a GRU with bias has one"
    )


@pytest.mark.parametrize(
    "cell", [name for name, cell in CELLS.items() if cell.find_gate("keeps") or cell.find_gate("replaces")]
)
@pytest.mark.parametrize(
    "options", [{"forget_bias": 3.0, "chrono_steps": None}, {"forget_bias": None, "chrono_steps": 40}]
)
def test_a_forget_bias_lengthens_the_memory_of_every_cell(cell: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    rnn, x, lengths = BiLSTM(3, 16, 2, cell=cell), torch.randn(2, 6, 3), torch.tensor([6, 4])
    before = gate_statistics(trace(rnn, x, lengths))
    Initialization(orthogonal=False, **options).apply(rnn)
    after = gate_statistics(trace(rnn, x, lengths))
    for layer in (0, 1):
        for direction in ("forward", "backward"):
            tag = f"layer{layer}/{direction}/memory/kept"
            assert before[tag] < 0.7
            assert after[tag] > before[tag] + 0.1


def test_two_ways_to_set_one_bias_are_refused() -> None:
    text = "^forget_bias and chrono_steps set the same bias; give one of the two$"
    with pytest.raises(ValueError, match=text):
        Initialization(orthogonal=False, forget_bias=1.0, chrono_steps=784)

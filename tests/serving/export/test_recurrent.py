from __future__ import annotations

import pytest
import torch
from torch import nn

pytest.importorskip("onnx")

from seqtrain.config import ConfigError
from seqtrain.model import BiLSTM
from seqtrain.serving.export.layers import _layer_weights, find_node


@pytest.mark.parametrize(
    ("module", "operator"),
    [
        (nn.RNN(2, 3), "RNN"),
        (nn.LSTM(2, 3), "LSTM"),
        (nn.GRU(2, 3), "GRU"),
        (BiLSTM(2, 3), "LSTM"),
        (BiLSTM(2, 3, cell="gru"), "GRU"),
        (BiLSTM(2, 3, cell="rnn_relu"), "RNN"),
    ],
)
def test_operators(module: nn.Module, operator: str) -> None:
    assert find_node(module).operator == operator


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        (
            BiLSTM(2, 3, cell="lstm_peephole"),
            "model.cell: lstm_peephole has no ONNX operator; gru, lstm, rnn_tanh, rnn_relu have one. "
            "format=torch exports any cell",
        ),
        (
            nn.Linear(2, 3),
            "model: Linear cannot be traced: torch.nn.RNN, LSTM and GRU and seqtrain.model.BiLSTM can, "
            "but not their subclasses, which may compute something else",
        ),
    ],
)
def test_modules_without_an_operator(module: nn.Module, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        find_node(module)
    assert refused.value.problems == (problem,)


def test_gates_are_put_in_the_order_of_onnx() -> None:
    module = nn.LSTM(1, 1)  # one unit: a row for each gate, in torch's order i, f, g, o
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.arange(4.0).reshape(weight.shape))
    weight_ih, weight_hh, bias = _layer_weights(module, find_node(module).blocks, layer=0)
    assert weight_ih.flatten().tolist() == weight_hh.flatten().tolist() == [0.0, 3.0, 1.0, 2.0]
    assert bias.flatten().tolist() == [0.0, 3.0, 1.0, 2.0] * 2

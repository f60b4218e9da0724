from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from seqtrain.config import ConfigError
from seqtrain.model import BiLSTM

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from seqtrain.serving.export.graph import FLOAT, IR_VERSION, OPSET, Graph, _layer_weights, find_node  # noqa: E402


def test_a_graph_computes_its_output() -> None:
    graph = Graph()
    x = graph.add_input("x", FLOAT, ["batch", 2])
    scaled = graph.add("Mul", x, graph.weight(torch.tensor([2.0, 3.0])))
    graph.add_output(graph.add("ReduceSum", scaled, graph.constant([1]), keepdims=0), "y", FLOAT, ["batch"])
    session = onnxruntime.InferenceSession(graph.build())
    (y,) = session.run(None, {"x": np.array([[1, 1], [2, 0]], dtype=np.float32)})
    assert y.tolist() == [5.0, 4.0]


def test_names_are_unique_and_versions_fixed() -> None:
    graph = Graph()
    x = graph.add_input("x", FLOAT, [1])
    values = [x]
    for _ in range(3):
        values.append(graph.add("LogSoftmax", values[-1]))
    assert values == ["x", "logsoftmax_1_0", "logsoftmax_2_0", "logsoftmax_3_0"]
    graph.add_output(values[-1], "y", FLOAT, [1])
    model = onnx.load_from_string(graph.build())
    assert (model.ir_version, model.opset_import[0].version, model.producer_name) == (
        IR_VERSION,
        OPSET,
        "seqtrain",
    )


def test_a_wrong_graph_is_not_built() -> None:
    graph = Graph()
    graph.add_output(graph.add("LogSoftmax", "nowhere"), "y", FLOAT, [1])
    with pytest.raises(onnx.checker.ValidationError, match="nowhere"):
        graph.build()


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

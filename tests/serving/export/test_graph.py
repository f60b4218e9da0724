from __future__ import annotations

import numpy as np
import pytest
import torch

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from seqtrain.serving.export.graph import FLOAT, IR_VERSION, OPSET, Graph  # noqa: E402


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
        values.append(graph.add("Neg", values[-1]))
    assert values == ["x", "neg_1_0", "neg_2_0", "neg_3_0"]
    graph.add_output(values[-1], "y", FLOAT, [1])
    model = onnx.load_from_string(graph.build())
    assert (model.ir_version, model.opset_import[0].version, model.producer_name) == (
        IR_VERSION,
        OPSET,
        "seqtrain",
    )


def test_a_wrong_graph_is_not_built() -> None:
    graph = Graph()
    graph.add_output(graph.add("Neg", "nowhere"), "y", FLOAT, [1])
    with pytest.raises(onnx.checker.ValidationError, match="nowhere"):
        graph.build()

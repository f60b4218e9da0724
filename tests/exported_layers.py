"""A BiLSTM exported by torch.onnx.export, beside the layer itself, for the tests of both exporters."""

from pathlib import Path
from typing import Any

import pytest
import torch

from seqtrain.model import BiLSTM

VARIANTS: list[dict[str, Any]] = [
    {},
    {"cell": "gru"},
    {"cell": "rnn_relu"},
    {"bias": False, "bidirectional": False},
    {"batch_first": True, "num_layers": 2},
]


def check_exported(arguments: dict[str, Any], path: Path, **options: Any) -> None:
    """Export a layer with `options`, and compare it with the file on another length and batch size."""
    runtime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    layer = BiLSTM(3, 4, **arguments).eval()
    torch.onnx.export(layer, (torch.randn(5, 2, 3),), path, **options)
    x = torch.randn(7, 6, 3)
    session = runtime.InferenceSession(path)
    found = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    output, state = layer(x)
    expected = [output, *(state if isinstance(state, tuple) else (state,))]
    for array, tensor in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.from_numpy(array), tensor.detach())

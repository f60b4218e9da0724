"""BiLSTM through torch.onnx.export: one LSTM or GRU node per layer, for any length and batch size."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence

from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS
from seqtrain.recurrence.onnx import onnx_layer

X, STATE = torch.zeros(2, 1, 3), (torch.zeros(2, 1, 4),) * 2
VARIANTS: list[dict[str, Any]] = [
    {},
    {"cell": "gru"},
    {"bias": False, "bidirectional": False},
    {"batch_first": True, "num_layers": 2},
]


@pytest.mark.filterwarnings("ignore")  # of the exporters and their libraries
@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.parametrize("arguments", VARIANTS)
def test_exported_layer_gives_the_same_results(
    arguments: dict[str, Any], dynamo: bool, tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript" if dynamo else "onnx")
    runtime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    layer = BiLSTM(3, 4, **arguments).eval()
    sizes = {0: torch.export.Dim("first"), 1: torch.export.Dim("second")}
    dynamic: dict[str, Any] = {"dynamic_shapes": {"input": sizes}}
    if not dynamo:
        dynamic = {"input_names": ["input"], "dynamic_axes": {"input": {0: "first", 1: "second"}}}
    path = tmp_path / "layer.onnx"
    torch.onnx.export(layer, (torch.randn(5, 2, 3),), path, dynamo=dynamo, **dynamic)
    x = torch.randn(7, 6, 3)
    session = runtime.InferenceSession(path)
    found = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    output, state = layer(x)
    expected = [output, *(state if isinstance(state, tuple) else (state,))]
    for array, tensor in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.from_numpy(array), tensor.detach())


def test_what_onnx_has_no_node_for_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^ONNX has nodes for cell='lstm' and 'gru' only, got: cell='lstm_c"
    ):
        onnx_layer(CELLS["lstm_coupled"], None, X, [], STATE)
    packed = PackedSequence(X.flatten(0, 1), torch.tensor([1, 1]))
    with pytest.raises(ValueError, match=r"^ONNX has no packed sequences: export the layer on a padded tens"):
        onnx_layer(CELLS["lstm"], packed.batch_sizes, packed.data, [], STATE)

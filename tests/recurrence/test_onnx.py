"""BiLSTM through torch.onnx.export, both its exporters: one LSTM or GRU node per layer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from exported_layers import VARIANTS, check_exported
from torch.nn.utils.rnn import PackedSequence

from seqtrain.recurrence import CELLS
from seqtrain.recurrence.onnx import onnx_layer

X, STATE = torch.zeros(2, 1, 3), (torch.zeros(2, 1, 4),) * 2


@pytest.mark.filterwarnings("ignore")  # of the exporter and its libraries
@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.parametrize("arguments", VARIANTS)
def test_exported_layer_gives_the_same_results(
    arguments: dict[str, Any], dynamo: bool, tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript" if dynamo else "onnx")
    options: dict[str, Any] = {"input_names": ["input"], "dynamic_axes": {"input": {0: "first", 1: "second"}}}
    if dynamo:
        sizes = {0: torch.export.Dim("first"), 1: torch.export.Dim("second")}
        options = {"dynamic_shapes": {"input": sizes}}
    check_exported(arguments, tmp_path / "layer.onnx", dynamo=dynamo, **options)


def test_what_onnx_has_no_node_for_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=r"^ONNX has no node for cell='lstm_coupled'; it has one for gru, lstm, rnn_tanh, rnn",
    ):
        onnx_layer(CELLS["lstm_coupled"], None, X, [], STATE)
    packed = PackedSequence(X.flatten(0, 1), torch.tensor([1, 1]))
    with pytest.raises(ValueError, match=r"^ONNX has no packed sequences: export the layer on a padded tens"):
        onnx_layer(CELLS["lstm"], packed.batch_sizes, packed.data, [], STATE)

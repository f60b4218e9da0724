"""BiLSTM through torch.onnx.export(dynamo=False): one LSTM or GRU node per layer."""

from pathlib import Path
from typing import Any

import pytest
from exported_layers import VARIANTS, check_exported


@pytest.mark.filterwarnings("ignore")  # of the exporter and its libraries
@pytest.mark.parametrize("arguments", VARIANTS)
def test_exported_layer_gives_the_same_results(arguments: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    sizes = {0: "first", 1: "second"}
    names = {"input_names": ["input"], "dynamic_axes": {"input": sizes}}
    check_exported(arguments, tmp_path / "layer.onnx", dynamo=False, **names)

"""BiLSTM calls no fused recurrent operator of a vendor."""

import ast
from pathlib import Path

import torch

import seqtrain
from seqtrain.model import BiLSTM

PACKAGE = Path(seqtrain.__file__).parent


FORBIDDEN = {"_VF", "lstm_cell", "_thnn_fused_lstm_cell", "mkldnn_rnn_layer", "_cudnn_rnn", "LSTMCell"}
FORBIDDEN.add("gru_cell")


def test_the_hand_written_lstm_calls_no_lstm_of_the_vendor() -> None:
    files = [*(PACKAGE / "recurrence").rglob("*.py"), *(PACKAGE / "model").glob("bilstm*.py")]
    assert len(files) > 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute):
                assert node.attr not in FORBIDDEN, f"{file.name}:{node.lineno} uses {node.attr}"
                called_on = ast.unparse(node.value)
                # the trace names torch's classes, whose weights it reads
                if node.attr in ("LSTM", "GRU", "RNN", "lstm", "gru") and file.name != "trace.py":
                    assert called_on not in ("nn", "torch", "torch.nn", "torch.ops.aten"), (
                        f"{file}:{node.lineno}"
                    )
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch"):
                assert not {alias.name for alias in node.names} & {"LSTM", "GRU", "RNN", *FORBIDDEN}, file


def test_no_operator_of_the_vendor_is_dispatched() -> None:
    layer = BiLSTM(3, 4, 2)
    with torch.profiler.profile() as profile:
        layer(torch.randn(5, 2, 3))[0].sum().backward()
    names = {event.key for event in profile.key_averages()}
    assert not {name for name in names if "lstm" in name.lower() or "rnn" in name.lower()} - {"BiLSTM"}

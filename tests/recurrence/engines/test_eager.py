"""What only the eager engine promises: memory, backward passes again, no fused operator of the vendor."""

import ast
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.checkpoint import checkpoint

import seqtrain
from seqtrain.model import BiLSTM

PACKAGE = Path(seqtrain.__file__).parent


def test_create_graph_gives_each_input_its_own_share() -> None:
    """A layer is used twice, its second input depends on its weights, and its directions share a matrix."""
    torch.manual_seed(0)
    layer = BiLSTM(4, 2, backend="eager", dtype=torch.float64)
    layer.weight_hh_l0_reverse = layer.weight_hh_l0
    x = torch.randn(5, 2, 4, dtype=torch.float64, requires_grad=True)
    output, state = layer(x)
    loss = layer(output, state)[0].square().sum()
    wanted = [x, *layer.parameters()]
    plain = torch.autograd.grad(loss, wanted, retain_graph=True)
    differentiable = torch.autograd.grad(loss, wanted, create_graph=True)
    for one, two in zip(plain, differentiable, strict=True):
        torch.testing.assert_close(one, two)


class _NoGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> None:  # noqa: ARG004
        return None


@pytest.mark.parametrize("create_graph", [False, True])
def test_backward_without_any_gradient(create_graph: bool) -> None:
    layer = BiLSTM(3, 4, backend="eager")
    loss = _NoGradient.apply(layer(torch.randn(5, 2, 3))[0]).sum()
    for gradient in torch.autograd.grad(
        loss, layer.parameters(), create_graph=create_graph, allow_unused=True
    ):
        assert gradient is None or not gradient.any()


def test_gradients_through_a_checkpoint() -> None:
    torch.manual_seed(0)
    layer = BiLSTM(3, 4, 2, backend="eager")
    x = torch.randn(5, 2, 3, requires_grad=True)
    results = []
    for output in (layer(x)[0], checkpoint(lambda x: layer(x)[0], x, use_reentrant=False)):
        results.append(torch.autograd.grad(output.square().sum(), [x, *layer.parameters()]))
    for one, two in zip(*results, strict=True):
        assert torch.equal(one, two)


FORBIDDEN = {
    "_VF",
    "lstm_cell",
    "_thnn_fused_lstm_cell",
    "mkldnn_rnn_layer",
    "_cudnn_rnn",
    "LSTMCell",
    "gru_cell",
}


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

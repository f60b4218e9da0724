"""What only the eager engine promises: memory, backward passes again, no fused operator of the vendor."""

import ast
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import seqtrain
from seqtrain.model import BiLSTM
from seqtrain.recurrence import BACKENDS, CELLS, choose_engine, explain_backend
from seqtrain.recurrence.engines.eager import eager_layer
from seqtrain.recurrence.engines.reference import reference_layer
from seqtrain.recurrence.walk import PackedWalk

PACKAGE = Path(seqtrain.__file__).parent


def test_auto_takes_the_eager_engine_for_cells_with_gradients_by_hand() -> None:
    x, walk = torch.zeros(2, 3), PackedWalk([1, 1], torch.device("cpu"))
    state = (torch.zeros(1, 1, 4), torch.zeros(1, 1, 4))
    assert choose_engine("auto", CELLS["lstm"], x, state, walk) is eager_layer
    assert choose_engine("reference", CELLS["lstm"], x, state, walk) is reference_layer
    assert choose_engine("auto", CELLS["gru"], x, state[:1], walk) is eager_layer
    assert choose_engine("auto", CELLS["lstm_peephole"], x, state, walk) is reference_layer


def test_a_backend_that_cannot_run_the_cell_is_explained() -> None:
    message = explain_backend("eager", "lstm_peephole")
    assert message == (
        "backend='eager' runs cell='lstm' and 'gru' only, got: cell='lstm_peephole'. "
        "Use backend='auto', which runs other cells in the reference engine."
    )
    assert str(explain_backend("triton", "gru")).startswith("backend='triton' runs cell='lstm' only, ")
    with pytest.raises(ValueError, match="cell='lstm' and 'gru' only"):
        BiLSTM(3, 4, backend="eager", cell="lstm_coupled")
    assert all(explain_backend(backend, "lstm") is None for backend in BACKENDS)


@pytest.mark.parametrize("packed", [False, True])
def test_backward_twice_through_a_retained_graph(packed: bool) -> None:
    torch.manual_seed(0)
    layer = BiLSTM(3, 5, 2, backend="eager", dtype=torch.float64)
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    given = nn.utils.rnn.pack_padded_sequence(x, [7, 4]) if packed else x
    output, (_, c_n) = layer(given)
    loss = (output.data if packed else output).square().sum() + c_n.sum()
    first = torch.autograd.grad(loss, layer.parameters(), retain_graph=True)
    second_order = torch.autograd.grad(loss, layer.parameters(), create_graph=True)
    third = torch.autograd.grad(loss, layer.parameters())
    for one, two, three in zip(first, second_order, third, strict=True):
        assert torch.equal(one, three)
        torch.testing.assert_close(one, two)


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


def test_gradients_share_no_memory() -> None:
    layer = BiLSTM(3, 5, 2, backend="eager")
    layer(torch.randn(7, 2, 3))[0].sum().backward()
    gradients = [parameter.grad for parameter in layer.parameters()]
    assert all(gradient.is_contiguous() for gradient in gradients)
    before = gradients[0].clone()
    for gradient in gradients[1:]:
        gradient.zero_()
    assert torch.equal(gradients[0], before)
    layer.zero_grad(set_to_none=True)
    layer(torch.randn(7, 2, 3))[0].sum().backward()
    layer.bias_ih_l0.grad.zero_()
    assert layer.bias_hh_l0.grad.abs().sum() > 0


def test_long_sequences_train_in_memory_that_grows_by_the_step_alone() -> None:
    layer = BiLSTM(4, 16, backend="eager")
    saved: dict[int, int] = {}

    def count(length: int) -> int:
        storages: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            output, _ = layer(torch.randn(length, 2, 4))
        output.square().sum().backward()
        return sum(storages.values())

    for length in (1000, 2000, 4000):
        saved[length] = count(length)
    assert saved[4000] - saved[2000] == 2 * (saved[2000] - saved[1000])
    floats_per_row = (saved[4000] - saved[2000]) / (2000 * 2) / 4
    assert floats_per_row <= 4 + 2 * 8 * 16, "input, output, and gates, h and c of both directions"


def test_long_sequences_are_exact() -> None:
    torch.manual_seed(0)
    mine = BiLSTM(2, 5, backend="eager", dtype=torch.float64)
    theirs = nn.LSTM(2, 5, bidirectional=True, dtype=torch.float64)
    theirs.load_state_dict(mine.state_dict())
    x = torch.randn(4000, 1, 2, dtype=torch.float64)
    results = []
    for layer in (mine, theirs):
        output, _ = layer(x)
        results.append([output, *torch.autograd.grad(output.square().sum(), layer.parameters())])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)


def test_errors_in_float32_are_of_the_size_of_torchs() -> None:
    """tanh as 2 sigmoid(2x) - 1 rounds differently; against float64 that costs nothing."""
    torch.manual_seed(0)
    exact = nn.LSTM(16, 32, bidirectional=True, dtype=torch.float64)
    x = torch.randn(60, 8, 16, dtype=torch.float64)
    results = []
    for layer in (exact, BiLSTM(16, 32), nn.LSTM(16, 32, bidirectional=True)):
        layer.load_state_dict(exact.state_dict())
        output, _ = layer(x.to(layer.weight_ih_l0.dtype))
        gradients = torch.autograd.grad(output.square().sum(), layer.parameters())
        results.append([output.detach().double(), *(gradient.double() for gradient in gradients)])
    errors = [
        max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(result, results[0], strict=True))
        for result in results[1:]
    ]
    assert errors[0] < 2 * errors[1] + 1e-7, errors


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
                if node.attr in ("LSTM", "GRU", "RNN", "lstm", "gru"):
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

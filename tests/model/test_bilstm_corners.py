"""The corners of torch.nn.LSTM's behaviour: gradients' layout, empty batches, transforms, meta, mutation."""

import pytest
import torch
from cpu_backends import CPU_BACKENDS, needs_kernel
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, parametrizations, prune
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS


def twins(num_layers: int = 2, dtype: torch.dtype = torch.float64) -> tuple[BiLSTM, nn.LSTM]:
    """Our layer and torch's with the same weights."""
    torch.manual_seed(0)
    mine = BiLSTM(3, 4, num_layers, dtype=dtype)
    theirs = nn.LSTM(3, 4, num_layers, bidirectional=True, dtype=dtype)
    theirs.load_state_dict(mine.state_dict())
    return mine, theirs


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("packed", [False, True])
def test_gradients_are_contiguous_and_own_their_memory(cell: str, packed: bool) -> None:
    layer = BiLSTM(3, 4, 2, cell=cell)
    x: Tensor | PackedSequence = torch.randn(5, 2, 3)
    if packed:
        x = pack_padded_sequence(x, [5, 3])
    output = layer(x)[0]
    gradients = torch.autograd.grad((output.data if packed else output).sum(), layer.parameters())
    assert parameters_to_vector(gradients).numel() == sum(p.numel() for p in layer.parameters())
    assert all(gradient.is_contiguous() for gradient in gradients)


def test_gradients_of_grad_feed_a_fused_optimizer() -> None:
    mine, theirs = twins()
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    for layer in (mine, theirs):
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1, fused=True)
        loss = layer(x)[0].square().sum()
        for parameter, gradient in zip(
            layer.parameters(), torch.autograd.grad(loss, layer.parameters()), strict=True
        ):
            parameter.grad = gradient
        optimizer.step()
    for left, right in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_an_empty_batch_gives_empty_results_and_gradients_of_zero(backend: str) -> None:
    layer = BiLSTM(3, 4, 2, backend=backend)
    x = torch.randn(5, 0, 3, requires_grad=True)
    output, (h_n, c_n) = layer(x)
    assert output.shape == (5, 0, 8)
    assert h_n.shape == c_n.shape == (4, 0, 4)
    (output.sum() + h_n.sum() + c_n.sum()).backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape
    for parameter in layer.parameters():
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, torch.zeros_like(parameter))


@pytest.mark.parametrize("packed", [False, True])
def test_meta_tensors_give_shapes_and_gradients(packed: bool) -> None:
    layer = BiLSTM(3, 4, 2, device="meta")
    x: Tensor | PackedSequence = torch.empty(5, 2, 3, device="meta")
    if packed:
        x = PackedSequence(torch.empty(8, 3, device="meta"), torch.tensor([2, 2, 2, 1, 1]))
    output, (h_n, _) = layer(x)
    data = output.data if packed else output
    assert data.shape == ((8, 8) if packed else (5, 2, 8))
    assert data.device == h_n.device == torch.device("meta")
    data.sum().backward()
    assert layer.weight_hh_l1.grad.shape == (16, 4)


def test_attributes_of_torchs_layer() -> None:
    for ours, torchs in ((BiLSTM(3, 4), nn.LSTM(3, 4)), (BiLSTM(3, 4, cell="gru"), nn.GRU(3, 4))):
        assert (ours.mode, ours.proj_size) == (torchs.mode, torchs.proj_size)


def test_reset_parameters_draws_what_is_below_parametrized_and_pruned_weights() -> None:
    mine, theirs = twins()
    for layer in (mine, theirs):
        parametrizations.weight_norm(layer, "weight_hh_l0")
        prune.l1_unstructured(layer, "weight_ih_l1", 0.5)
        torch.manual_seed(5)
        layer.reset_parameters()
    expected = dict(theirs.named_parameters())
    assert dict(mine.named_parameters()).keys() == expected.keys()
    for name, parameter in mine.named_parameters():
        assert torch.equal(parameter, expected[name]), name


def test_flat_weights_follow_what_replaces_a_parameter() -> None:
    for layer in twins(num_layers=1):
        prune.l1_unstructured(layer, "weight_ih_l0", 0.5)
        assert [isinstance(weight, nn.Parameter) for weight in layer._flat_weights] == [False] + [True] * 7
        prune.remove(layer, "weight_ih_l0")
        assert all(isinstance(weight, nn.Parameter) for weight in layer._flat_weights)


def test_constants_of_a_cell_are_reset_below_a_parametrization() -> None:
    layer = BiLSTM(3, 4, cell="lstm_layernorm")
    prune.identity(layer, "weight_norm_hh_l0")
    with torch.no_grad():
        layer.weight_norm_hh_l0_orig.fill_(7)
    layer.reset_parameters()
    assert torch.equal(layer.weight_norm_hh_l0_orig, torch.ones(16))


def differentiate_changed(layer: BiLSTM | nn.LSTM, what: str | None = None) -> tuple[Tensor, ...]:
    """Gradients of x and of all weights, where `what` is changed between forward and backward pass."""
    torch.manual_seed(1)
    dtype = layer.weight_hh_l0.dtype
    x = torch.randn(5, 2, 3, dtype=dtype, requires_grad=True)
    h_0, c_0 = torch.randn(2, 4, 2, 4, dtype=dtype)
    copy = x * 1
    output, _ = layer(copy, (h_0, c_0))
    if what is not None:
        with torch.no_grad():
            {"input": copy, "weight": layer.weight_hh_l1, "h_0": h_0, "c_0": c_0}[what].mul_(2)
    return torch.autograd.grad(output.sum(), [x, *layer.parameters()])


@needs_kernel
@pytest.mark.parametrize("what", ["input", "weight", "h_0", "c_0"])
def test_what_was_saved_must_not_change_before_the_backward_pass(what: str) -> None:
    for layer in twins(dtype=torch.float32):
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            differentiate_changed(layer, what)


@pytest.mark.parametrize("what", ["input", "weight"])
def test_what_plain_torch_copied_may_change_before_the_backward_pass(what: str) -> None:
    layer, _ = twins()
    torch.testing.assert_close(
        differentiate_changed(layer), differentiate_changed(layer, what), rtol=0, atol=0
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_results_may_change_before_the_backward_pass(dtype: torch.dtype) -> None:
    gradients = []
    for layer in twins():
        layer.to(dtype)
        x = torch.ones(5, 2, 3, dtype=dtype, requires_grad=True)
        output, (h_n, c_n) = layer(x)
        h_n.mul_(2)
        c_n.zero_()
        output.mul_(3)
        gradients.append(torch.autograd.grad(output.sum() + h_n.sum(), x)[0])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("packed", [False, True])
def test_results_under_autocast_have_the_dtype_of_torchs(packed: bool) -> None:
    x: Tensor | PackedSequence = torch.randn(5, 2, 3)
    if packed:
        x = pack_padded_sequence(x, [5, 3])
    dtypes = []
    for layer in twins(dtype=torch.float32):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output, state = layer(x)
        dtypes.append([output.data.dtype, *(tensor.dtype for tensor in state)])
    assert dtypes[0] == dtypes[1]

"""The Triton kernels, interpreted, against the reference engine: values and all gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence
from triton_layers import Layer, assert_like_reference, differentiate, draw_layer, run_reference, run_triton

from seqtrain.model import BiLSTM
from seqtrain.recurrence import State

pytestmark = pytest.mark.usefixtures("interpreter")


@pytest.mark.parametrize(
    ("hidden_size", "batch_sizes", "num_directions", "bias"),
    [
        (16, (3, 3, 3), 2, True),
        (17, (17, 16, 5, 1), 2, True),
        (32, (17, 17, 17), 1, False),
        (36, (3, 1), 1, True),
        (3, (70, 70, 65), 2, False),
        (1, (1, 1, 1, 1, 1, 1), 2, True),
    ],
)
def test_equals_reference(
    hidden_size: int, batch_sizes: tuple[int, ...], num_directions: int, bias: bool
) -> None:
    assert_like_reference(draw_layer(hidden_size, batch_sizes, num_directions, bias))


def test_bfloat16() -> None:
    layer = draw_layer(17, (5, 5, 3), dtype=torch.bfloat16)
    assert_like_reference(layer, tolerance=0.05)
    output, (h_n, c_n) = run_triton(layer)
    assert (output.dtype, h_n.dtype, c_n.dtype) == (torch.bfloat16, torch.bfloat16, torch.float32)


def test_float16_is_as_close_to_float64_as_the_reference() -> None:
    layer = draw_layer(24, (3, 3, 2), dtype=torch.float16)
    mine, _ = run_triton(layer)
    exact = Layer(
        layer.x.double(),
        [{name: weight.double() for name, weight in named.items()} for named in layer.weights],
        tuple(state.double() for state in layer.state),
        layer.walk,
    )
    theirs, truth = run_reference(layer)[0], run_reference(exact)[0]
    assert (mine - truth).abs().max() <= 2 * (theirs - truth).abs().max()


def test_saturates_without_nan() -> None:
    layer = draw_layer(16, (3, 3), scale=300.0)
    results = differentiate(layer, run_triton)
    assert all(result.isfinite().all() for result in results)
    torch.testing.assert_close(results[0], run_reference(layer)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-2, 1e-4, 1e-8, 1e-15])
def test_small_numbers_keep_relative_precision(scale: float) -> None:
    """Where c is small, h is c / 2 to a few units in the last place: tanh must not lose digits."""
    layer = draw_layer(16, (3, 2), scale=scale)
    for left, right in zip(
        differentiate(layer, run_triton), differentiate(layer, run_reference), strict=True
    ):
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-6 * right.abs().max().item())


def test_only_wanted_gradients() -> None:
    layer = draw_layer(16, (3, 2))
    frozen = Layer(
        layer.x.detach(), layer.weights, tuple(state.detach() for state in layer.state), layer.walk
    )
    (mine,) = torch.autograd.grad(run_triton(frozen)[0].sum(), [layer.weights[1]["weight_hh"]])
    (theirs,) = torch.autograd.grad(run_reference(frozen)[0].sum(), [layer.weights[1]["weight_hh"]])
    torch.testing.assert_close(mine, theirs)


def test_gradients_survive_a_change_of_the_output_and_a_second_pass() -> None:
    layer = draw_layer(16, (3, 2))
    output, _ = run_triton(layer)
    loss = output.mul_(2).sum()
    first = torch.autograd.grad(loss, layer.leaves, retain_graph=True)
    second = torch.autograd.grad(loss, layer.leaves)
    theirs = torch.autograd.grad(2 * run_reference(layer)[0].sum(), layer.leaves)
    for left, again, right in zip(first, second, theirs, strict=True):
        assert torch.equal(left, again)
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)


def test_second_derivatives() -> None:
    layer = draw_layer(16, (3, 2))

    def gradient_of_a_gradient(run: Callable[[Layer], tuple[Tensor, State]]) -> tuple[Tensor, ...]:
        output, (_, c_n) = run(layer)
        (grad,) = torch.autograd.grad(output.sum() + c_n.sum(), [layer.x], create_graph=True)
        return torch.autograd.grad(grad.square().sum(), layer.leaves)

    mine = gradient_of_a_gradient(run_triton)
    theirs = gradient_of_a_gradient(run_reference)
    for left, right in zip(mine, theirs, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4)


def test_create_graph_gives_each_input_its_own_share() -> None:
    layer = draw_layer(16, (3, 2))
    layer.weights[1]["weight_hh"] = layer.weights[0]["weight_hh"]
    loss = run_triton(layer)[0].square().sum()
    shared = layer.weights[0]["weight_hh"]
    (plain,) = torch.autograd.grad(loss, [shared], retain_graph=True)
    (differentiable,) = torch.autograd.grad(loss, [shared], create_graph=True)
    torch.testing.assert_close(plain, differentiable, rtol=1e-4, atol=1e-4)


def test_bilstm_equals_torch() -> None:
    """Through the module: two layers, packed, in any order of lengths, with biases and given states."""
    torch.manual_seed(0)
    theirs = nn.LSTM(5, 17, 2, bidirectional=True)
    mine = BiLSTM(5, 17, 2, backend="triton")
    mine.load_state_dict(theirs.state_dict())
    sequences = [torch.randn(length, 5, requires_grad=True) for length in (2, 5, 3)]
    hx = (torch.randn(4, 3, 17), torch.randn(4, 3, 17))
    results = []
    for layer in (mine, theirs):
        packed, final = layer(pack_sequence(sequences, enforce_sorted=False), hx)
        values = [packed.data, *final]
        leaves = [*sequences, *layer.parameters()]
        results.append([*values, *torch.autograd.grad(sum(v.square().sum() for v in values), leaves)])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 0.0])
def test_batches_of_gradients(scale: float) -> None:
    """As torch.autograd.functional.jacobian(vectorize=True) and torch.func ask for them."""
    layer = draw_layer(5, (3, 2))
    values = [torch.randn(4, 5, 10), torch.randn(4, 2, 3, 5) * scale]

    def differentiate_all(run: Callable[[Layer], tuple[Tensor, State]]) -> tuple[Tensor, ...]:
        output, (_, c_n) = run(layer)
        return torch.autograd.grad((output, c_n), layer.leaves, values, is_grads_batched=True)

    for left, right in zip(differentiate_all(run_triton), differentiate_all(run_reference), strict=True):
        assert left.shape == right.shape
        assert left.shape[0] == 4
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


def test_bilstm_refuses_what_the_kernels_cannot_run() -> None:
    with pytest.raises(ValueError) as refused:
        BiLSTM(3, 8, backend="triton").double()(torch.randn(4, 2, 3, dtype=torch.float64))
    assert str(refused.value) == (
        "backend='triton' runs float32, bfloat16 and float16, got: torch.float64. Use backend='auto'."
    )


def test_autocast() -> None:
    layer = BiLSTM(3, 16, backend="triton")
    reference = BiLSTM(3, 16, backend="reference")
    reference.load_state_dict(layer.state_dict())
    x = torch.randn(4, 2, 3)
    with torch.autocast("cpu", torch.bfloat16):
        (mine, _), (theirs, _) = layer(x), reference(x)
    assert mine.dtype == torch.bfloat16
    torch.testing.assert_close(mine, theirs, rtol=0.02, atol=0.02)
    mine.float().sum().backward()
    theirs.float().sum().backward()
    for left, right in zip(layer.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(left.grad, right.grad, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("batch_sizes", [(2, 2, 2), (3, 2, 1)])
def test_a_launch_for_each_step_in_each_pass(
    monkeypatch: pytest.MonkeyPatch, batch_sizes: tuple[int, ...]
) -> None:
    from seqtrain.recurrence.engines.triton import kernels
    from seqtrain.recurrence.engines.triton.engine import Launch

    launches: list[Launch] = []
    run = Launch.run
    monkeypatch.setattr(Launch, "run", lambda launch: (launches.append(launch), run(launch))[1])
    differentiate(draw_layer(40, batch_sizes), run_triton)
    assert [launch.kernel for launch in launches] == [kernels.forward_step] * 3 + [kernels.backward_step] * 3
    assert all(launch.grid == (1, 2, 2) for launch in launches)  # 40 units are two programs' share


def test_repeats_bit_by_bit_and_changes_no_argument() -> None:
    layer = draw_layer(17, (17, 3))
    before = [leaf.detach().clone() for leaf in layer.leaves]
    first = differentiate(layer, run_triton)
    second = differentiate(layer, run_triton)
    assert all(torch.equal(left, right) for left, right in zip(first, second, strict=True))
    assert all(torch.equal(left, right) for left, right in zip(before, layer.leaves, strict=True))


def test_inference_gives_the_same_bits() -> None:
    layer = draw_layer(17, (5, 5, 2))
    output, final = run_triton(layer)
    with torch.no_grad():
        alone, alone_final = run_triton(layer)
    assert output.requires_grad
    assert not alone.requires_grad
    for left, right in zip((output, *final), (alone, *alone_final), strict=True):
        assert torch.equal(left, right)

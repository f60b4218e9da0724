"""The Triton kernels, interpreted, against the reference engine: values and all gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence
from triton_layers import (
    RAGGED,
    Layer,
    assert_like_reference,
    draw_layer,
    draw_plan,
    run_reference,
    run_triton,
)

from seqtrain.model import BiLSTM
from seqtrain.recurrence import State

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.usefixtures("interpreter")


@pytest.mark.parametrize("regime", ["whole", "group", "step"])
@pytest.mark.parametrize(
    ("hidden_size", "batch_sizes", "num_directions", "bias"),
    [
        (16, (16, 16, 16), 2, True),
        (17, RAGGED, 2, True),
        (32, (17, 17, 17), 1, False),
        (32, (1, 1, 1, 1, 1, 1), 2, True),
    ],
)
def test_equals_reference(
    regime: str, hidden_size: int, batch_sizes: tuple[int, ...], num_directions: int, bias: bool
) -> None:
    layer = draw_layer(hidden_size, batch_sizes, num_directions, bias)
    assert_like_reference(layer, draw_plan(layer, regime))


@pytest.mark.parametrize("regime", ["whole", "group", "step"])
def test_bfloat16(regime: str) -> None:
    layer = draw_layer(17, (5, 5, 3), dtype=torch.bfloat16)
    plan = draw_plan(layer, regime)
    assert_like_reference(layer, plan, tolerance=0.05)
    output, (h_n, c_n) = run_triton(layer, plan)
    assert (output.dtype, h_n.dtype, c_n.dtype) == (torch.bfloat16, torch.bfloat16, torch.float32)


def test_only_wanted_gradients() -> None:
    layer = draw_layer(16, (3, 2))
    frozen = Layer(
        layer.x.detach(), layer.weights, tuple(state.detach() for state in layer.state), layer.walk
    )
    plan = draw_plan(layer, "whole")
    (mine,) = torch.autograd.grad(run_triton(frozen, plan)[0].sum(), [layer.weights[1]["weight_hh"]])
    (theirs,) = torch.autograd.grad(run_reference(frozen)[0].sum(), [layer.weights[1]["weight_hh"]])
    torch.testing.assert_close(mine, theirs)


def test_gradients_survive_a_change_of_the_output_and_a_second_pass() -> None:
    layer = draw_layer(16, (3, 2))
    output, _ = run_triton(layer, draw_plan(layer, "whole"))
    loss = output.mul_(2).sum()
    first = torch.autograd.grad(loss, layer.leaves, retain_graph=True)
    second = torch.autograd.grad(loss, layer.leaves)
    theirs = torch.autograd.grad(2 * run_reference(layer)[0].sum(), layer.leaves)
    for left, again, right in zip(first, second, theirs, strict=True):
        assert torch.equal(left, again)
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)


def test_second_derivatives() -> None:
    layer = draw_layer(16, (3, 2))

    def gradient_of_a_gradient(run: Callable[[], tuple[Tensor, State]]) -> tuple[Tensor, ...]:
        output, (_, c_n) = run()
        (grad,) = torch.autograd.grad(output.sum() + c_n.sum(), [layer.x], create_graph=True)
        return torch.autograd.grad(grad.square().sum(), layer.leaves)

    mine = gradient_of_a_gradient(lambda: run_triton(layer, draw_plan(layer, "whole")))
    theirs = gradient_of_a_gradient(lambda: run_reference(layer))
    for left, right in zip(mine, theirs, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4)


def test_create_graph_gives_each_input_its_own_share() -> None:
    layer = draw_layer(16, (3, 2))
    layer.weights[1]["weight_hh"] = layer.weights[0]["weight_hh"]
    loss = run_triton(layer, draw_plan(layer, "whole"))[0].square().sum()
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


def test_bilstm_refuses_what_the_kernels_cannot_run() -> None:
    with pytest.raises(ValueError) as refused:
        BiLSTM(3, 8, backend="triton")(torch.randn(4, 2, 3))
    assert str(refused.value) == "backend='triton' runs hidden_size 16 to 1024, got: 8. Use backend='eager'."


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

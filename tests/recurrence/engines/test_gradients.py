"""Backward passes that are unusual: again, through a checkpoint, with shared weights, without a gradient."""

from typing import Any

import pytest
import torch
from cpu_backends import CPU_BACKENDS
from torch import nn
from torch.utils.checkpoint import checkpoint

from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_backward_twice_through_a_retained_graph(backend: str, packed: bool) -> None:
    torch.manual_seed(0)
    layer, x = BiLSTM(3, 5, 2, backend=backend), torch.randn(7, 2, 3)
    given = nn.utils.rnn.pack_padded_sequence(x, [7, 4]) if packed else x
    output, (_, c_n) = layer(given)
    loss = (output.data if packed else output).square().sum() + c_n.sum()
    first = torch.autograd.grad(loss, layer.parameters(), retain_graph=True)
    second_order = torch.autograd.grad(loss, layer.parameters(), create_graph=True)
    third = torch.autograd.grad(loss, layer.parameters())
    for one, two, three in zip(first, second_order, third, strict=True):
        assert torch.equal(one, three)
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("backend", ["reference", "auto"])
def test_gradients_share_no_memory(cell: str, backend: str) -> None:
    torch.manual_seed(0)
    layer, x = BiLSTM(3, 5, 2, cell=cell, backend=backend), torch.randn(7, 2, 3)
    once = torch.autograd.grad(layer(x)[0].sum(), layer.parameters())
    for _ in range(2):
        layer(x)[0].sum().backward()
    for parameter, gradient in zip(layer.parameters(), once, strict=True):
        assert parameter.grad.is_contiguous()
        torch.testing.assert_close(parameter.grad, 2 * gradient)
    for parameter in layer.parameters():
        parameter.grad.mul_(2)
    for parameter, gradient in zip(layer.parameters(), once, strict=True):
        torch.testing.assert_close(parameter.grad, 4 * gradient)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_create_graph_gives_each_input_its_own_share(backend: str) -> None:
    """A layer is used twice, its second input depends on its weights, and its directions share a matrix."""
    torch.manual_seed(0)
    layer = BiLSTM(4, 2, backend=backend)
    layer.weight_hh_l0_reverse = layer.weight_hh_l0
    x = torch.randn(5, 2, 4, requires_grad=True)
    output, state = layer(x)
    loss = layer(output, state)[0].square().sum()
    wanted = [x, *layer.parameters()]
    plain = torch.autograd.grad(loss, wanted, retain_graph=True)
    differentiable = torch.autograd.grad(loss, wanted, create_graph=True)
    for one, two in zip(plain, differentiable, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


class _NoGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> None:  # noqa: ARG004
        return None


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_backward_without_any_gradient(backend: str, create_graph: bool) -> None:
    layer = BiLSTM(3, 4, backend=backend)
    loss = _NoGradient.apply(layer(torch.randn(5, 2, 3))[0]).sum()
    for gradient in torch.autograd.grad(
        loss, layer.parameters(), create_graph=create_graph, allow_unused=True
    ):
        assert gradient is None or not gradient.any()


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_gradients_through_a_checkpoint(backend: str) -> None:
    torch.manual_seed(0)
    layer = BiLSTM(3, 4, 2, backend=backend)
    x = torch.randn(5, 2, 3, requires_grad=True)
    results = []
    for output in (layer(x)[0], checkpoint(lambda x: layer(x)[0], x, use_reentrant=False)):
        results.append(torch.autograd.grad(output.square().sum(), [x, *layer.parameters()]))
    for one, two in zip(*results, strict=True):
        assert torch.equal(one, two)

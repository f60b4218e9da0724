"""Autocast; torch.func transforms, batches of gradients and forward-mode differentiation of a layer."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jacrev, jvp, stack_module_state, vjp, vmap

from seqtrain.model import BiLSTM
from seqtrain.recurrence import modes
from seqtrain.recurrence.modes import autocast_dtype, is_transformed, without_autocast

# torch's own forward-mode formulas are compiled by torch.jit.script
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

Loss = Callable[[dict[str, Tensor], Tensor], Tensor]


@pytest.fixture
def layer() -> BiLSTM:
    torch.manual_seed(0)
    return BiLSTM(3, 2, 2, dtype=torch.float64)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(3, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def loss_of(layer: nn.Module) -> Loss:
    return lambda weights, x: functional_call(layer, weights, (x,))[0].square().sum()


def test_grad_gives_the_gradients_of_backward(layer: BiLSTM, x: Tensor) -> None:
    weights = dict(layer.named_parameters())
    found = grad(loss_of(layer))(weights, x)
    layer(x)[0].square().sum().backward()
    for name, weight in weights.items():
        torch.testing.assert_close(found[name], weight.grad)


def test_gradients_per_sample(layer: BiLSTM, x: Tensor) -> None:
    weights = dict(layer.named_parameters())
    samples = torch.stack([x, 2 * x, -x])
    found = vmap(grad(loss_of(layer)), (None, 0))(weights, samples)
    for index, sample in enumerate(samples):
        expected = torch.autograd.grad(layer(sample)[0].square().sum(), layer.parameters())
        for name, gradient in zip(weights, expected, strict=True):
            torch.testing.assert_close(found[name][index], gradient)


def test_vmap_over_layers(x: Tensor) -> None:
    layers = [BiLSTM(3, 2, dtype=torch.float64) for _ in range(3)]
    weights, buffers = stack_module_state(layers)
    found = vmap(lambda w, b: functional_call(layers[0], (w, b), (x,))[0])(weights, buffers)
    torch.testing.assert_close(found, torch.stack([layer(x)[0] for layer in layers]))


def test_jacobians_and_hessians(layer: BiLSTM, x: Tensor) -> None:
    def output(x: Tensor) -> Tensor:
        return layer(x)[0]

    expected = torch.autograd.functional.jacobian(output, x)
    torch.testing.assert_close(torch.autograd.functional.jacobian(output, x, vectorize=True), expected)
    torch.testing.assert_close(jacrev(output)(x), expected)
    curvature = torch.autograd.functional.hessian(lambda x: output(x).square().sum(), x)
    torch.testing.assert_close(hessian(lambda x: output(x).square().sum())(x), curvature)
    vectorized = torch.autograd.functional.hessian(lambda x: output(x).square().sum(), x, vectorize=True)
    torch.testing.assert_close(vectorized, curvature)


def test_batches_of_gradients_give_those_of_a_loop(layer: BiLSTM, x: Tensor) -> None:
    output = layer(x)[0]
    batch = torch.randn(4, *output.shape, dtype=torch.float64)
    wanted = [*layer.parameters()]
    found = torch.autograd.grad(output, wanted, batch, is_grads_batched=True, retain_graph=True)
    for index, gradient in enumerate(batch):
        expected = torch.autograd.grad(output, wanted, gradient, retain_graph=True)
        for batched, single in zip(found, expected, strict=True):
            torch.testing.assert_close(batched[index], single)


def test_forward_mode(layer: BiLSTM, x: Tensor) -> None:
    def output(x: Tensor) -> Tensor:
        return layer(x)[0]

    tangent = torch.randn_like(x)
    expected = torch.autograd.functional.jvp(output, x, tangent)[1]
    torch.testing.assert_close(jvp(output, (x,), (tangent,))[1], expected)
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(output(forward_ad.make_dual(x, tangent))).tangent
    torch.testing.assert_close(found, expected)


def test_vjp(layer: BiLSTM, x: Tensor) -> None:
    output, pull_back = vjp(lambda x: layer(x)[0], x)
    gradient = torch.randn_like(output)
    leaf = x.clone().requires_grad_()
    torch.testing.assert_close(pull_back(gradient)[0], torch.autograd.grad(layer(leaf)[0], leaf, gradient)[0])


def test_a_transform_is_seen_inside_it_only() -> None:
    seen = []

    def function(x: Tensor) -> Tensor:
        seen.append(is_transformed())
        return x

    vmap(function)(torch.zeros(2))
    function(torch.zeros(2))
    with forward_ad.dual_level():
        function(torch.zeros(2))
    assert seen == [True, False, True]


def test_a_release_without_the_private_names_gets_the_careful_answer(monkeypatch, layer, x) -> None:
    expected, _ = layer(x)
    public = {name: getattr(torch, name) for name in [*torch.__all__, "amp", "compiler", "jit"]}
    monkeypatch.setattr(modes, "torch", SimpleNamespace(**public, _C=SimpleNamespace()))
    monkeypatch.setattr(modes, "forward_ad", SimpleNamespace())
    assert modes.is_transformed()
    assert modes.is_dispatched()
    assert modes.is_any_batched([x])
    output, _ = layer(x)
    torch.testing.assert_close(output, expected)
    output.sum().backward()
    assert all(weight.grad is not None for weight in layer.parameters())


def test_the_dtype_of_autocast() -> None:
    assert autocast_dtype("cpu") is None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert autocast_dtype("cpu") is torch.bfloat16
        with without_autocast("cpu"):
            assert autocast_dtype("cpu") is None
        assert autocast_dtype("cpu") is torch.bfloat16


def test_a_device_without_autocast() -> None:
    assert autocast_dtype("meta") is None

"""Any cell with products of the engine's own, against the same cell in the reference engine."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from seqtrain.recurrence import CELLS, PackedWalk
from seqtrain.recurrence.engines import any_cell, products
from seqtrain.recurrence.engines.any_cell import any_cell_layer
from seqtrain.recurrence.engines.reference import reference_layer

WALK = PackedWalk((3, 3, 2, 1), torch.device("cpu"))
HIDDEN_SIZE = 5


@pytest.fixture
def large_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of this size count as large, in float64 too."""
    monkeypatch.setattr(any_cell, "prefers_onednn", lambda *_: True)


class Drawn:
    """A layer of two directions and its input."""

    def __init__(self, name: str, bias: bool, dtype: torch.dtype = torch.float64) -> None:
        generator = torch.Generator().manual_seed(0)

        def draw(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()

        self.cell = CELLS[name]
        self.x = draw(WALK.num_rows, 4)
        self.state = tuple(draw(2, 3, HIDDEN_SIZE) for _ in self.cell.state_names)
        shapes = self.cell.shapes(4, HIDDEN_SIZE, bias)
        self.weights = [{name: draw(*shape) for name, shape in shapes.items()} for _ in range(2)]
        self.leaves = [self.x, *self.state, *(weight for named in self.weights for weight in named.values())]

    def run(self, fast: bool) -> list[Tensor]:
        layer = any_cell_layer if fast else reference_layer
        output, final = layer(self.cell, self.x, self.weights, self.state, WALK)
        return [output, *final]

    def loss(self, fast: bool) -> Tensor:
        return torch.stack([value.pow(3).sum() for value in self.run(fast)]).sum()


def assert_close(left: Sequence[Tensor], right: Sequence[Tensor], rtol: float = 1e-10) -> None:
    for one, other in zip(left, right, strict=True):
        torch.testing.assert_close(one, other, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.usefixtures("large_steps")
def test_values_and_gradients_of_first_and_second_order(name: str, bias: bool) -> None:
    drawn = Drawn(name, bias)
    assert_close(drawn.run(fast=True), drawn.run(fast=False))
    first = [torch.autograd.grad(drawn.loss(fast), drawn.leaves) for fast in (True, False)]
    assert_close(*first)
    assert all(gradient.is_contiguous() for gradient in first[0])
    second = []
    for fast in (True, False):
        gradients = torch.autograd.grad(drawn.loss(fast), drawn.leaves, create_graph=True)
        assert_close(gradients, first[1])
        squares = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
        second.append(torch.autograd.grad(squares, drawn.leaves))
    assert_close(*second)


@pytest.mark.parametrize("name", ["lstm_peephole", "lstm_layernorm"])
def test_products_by_onednn(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "MIN_SIZE", 1)
    exact, drawn = Drawn(name, bias=True), Drawn(name, bias=True, dtype=torch.float32)
    with torch.no_grad():
        for ours, theirs in zip(drawn.leaves, exact.leaves, strict=True):
            ours.copy_(theirs)
    found, expected = (
        torch.autograd.grad(drawn.loss(True), drawn.leaves),
        torch.autograd.grad(exact.loss(False), exact.leaves),
    )
    assert_close([gradient.double() for gradient in found], expected, rtol=1e-3)
    with torch.no_grad():
        assert_close([value.double() for value in drawn.run(True)], exact.run(False), rtol=1e-4)


@pytest.mark.usefixtures("large_steps")
def test_each_backward_pass_counts_its_own_rows_only() -> None:
    drawn = Drawn("lstm_peephole", bias=True)
    expected = torch.autograd.grad(drawn.loss(fast=False), drawn.leaves)
    loss = drawn.loss(fast=True)
    torch.autograd.grad(loss, [drawn.x], retain_graph=True)  # leaves rows that no one takes
    for _ in range(2):
        assert_close(torch.autograd.grad(loss, drawn.leaves, retain_graph=True), expected)
    output = drawn.run(fast=True)[0]
    torch.autograd.grad(output.sum(), [drawn.x], retain_graph=True)
    early, reference = (each[:3, :HIDDEN_SIZE].sum() for each in (output, drawn.run(fast=False)[0]))
    weights = [named["weight_hh"] for named in drawn.weights]
    assert_close(torch.autograd.grad(early, weights), torch.autograd.grad(reference, weights))


@pytest.mark.usefixtures("large_steps")
def test_weights_that_take_no_gradient() -> None:
    drawn = Drawn("lstm_coupled", bias=True)
    expected = torch.autograd.grad(drawn.loss(fast=False), [drawn.x])
    for named in drawn.weights:
        for weight in named.values():
            weight.requires_grad_(False)
    assert_close(torch.autograd.grad(drawn.loss(fast=True), [drawn.x]), expected)


@pytest.mark.usefixtures("large_steps")
def test_batches_of_gradients() -> None:
    drawn = Drawn("lstm_peephole", bias=True)
    output = drawn.run(fast=True)[0]
    batch = torch.randn(3, *output.shape, dtype=torch.float64)
    together = torch.autograd.grad(output, drawn.leaves, batch, is_grads_batched=True, retain_graph=True)
    apart = [torch.autograd.grad(output, drawn.leaves, each, retain_graph=True) for each in batch]
    assert_close(together, [torch.stack(each) for each in zip(*apart, strict=True)])


@pytest.mark.parametrize("name", ["lstm_peephole", "lstm_layernorm"])
def test_small_steps(name: str) -> None:
    drawn = Drawn(name, bias=True)
    gradients = [torch.autograd.grad(drawn.loss(fast), drawn.leaves) for fast in (True, False)]
    assert_close(*gradients)

"""Any cell with products of the engine's own, against the same cell in the reference engine."""

import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from seqtrain.recurrence import CELLS, Cell, PackedWalk, State, Weights
from seqtrain.recurrence.cells.cell import multiply_input
from seqtrain.recurrence.engines import any_cell, products
from seqtrain.recurrence.engines.any_cell import any_cell_layer
from seqtrain.recurrence.engines.reference import reference_layer

WALK = PackedWalk((3, 3, 2, 1), torch.device("cpu"))
HIDDEN_SIZE = 5


@pytest.fixture
def products_of_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Steps of this size count as large, in float64 too; which products of their own were made."""
    made = []
    monkeypatch.setattr(any_cell, "prefers_onednn", lambda *_: True)
    for name in ("make_added_product", "make_recurrent_product"):
        make = getattr(any_cell, name)
        monkeypatch.setattr(
            any_cell, name, lambda *given, name=name, make=make: made.append(name) or make(*given)
        )
    return made


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
def test_values_and_gradients_of_first_and_second_order(
    name: str, bias: bool, products_of_steps: list[str]
) -> None:
    drawn = Drawn(name, bias)
    assert_close(drawn.run(fast=True), drawn.run(fast=False))
    first = [torch.autograd.grad(drawn.loss(fast), drawn.leaves) for fast in (True, False)]
    assert_close(*first)
    assert all(gradient.is_contiguous() for gradient in first[0])
    has_addend = name not in ("gru", "lstm_layernorm")
    forward = "make_added_product" if has_addend else "make_recurrent_product"
    expected = [forward, forward, "make_recurrent_product"]  # values; values and gradients
    assert products_of_steps == (expected if "weight_hh" in drawn.cell.shapes(1, 1, bias) else [])
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


@pytest.mark.usefixtures("products_of_steps")
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


@pytest.mark.parametrize("frozen", ["weight_hh", "weight_ih", "bias_hh", ""])
@pytest.mark.usefixtures("products_of_steps")
def test_weights_that_take_no_gradient(frozen: str) -> None:
    drawn = Drawn("lstm_coupled", bias=True)
    for named in drawn.weights:
        for name, weight in named.items():
            weight.requires_grad_(name != frozen and frozen != "")
    leaves = [leaf for leaf in drawn.leaves if leaf.requires_grad]
    gradients = [torch.autograd.grad(drawn.loss(fast), leaves) for fast in (True, False)]
    assert_close(*gradients)


@pytest.mark.usefixtures("products_of_steps")
def test_a_graph_is_freed_though_no_one_asked_for_the_gradient_of_w_hh() -> None:
    drawn = Drawn("lstm_peephole", bias=True)
    x = drawn.x = drawn.x.detach().clone().requires_grad_()
    torch.autograd.grad(drawn.loss(fast=True), [x])
    alive = weakref.ref(x)
    drawn.x = torch.zeros(0)
    del x
    assert alive() is None


@pytest.mark.usefixtures("products_of_steps")
def test_threads_that_differentiate_one_graph() -> None:
    drawn = Drawn("lstm_peephole", bias=True)
    loss = drawn.loss(fast=True)
    expected = torch.autograd.grad(loss, drawn.leaves, retain_graph=True)
    start = threading.Barrier(4)

    def differentiate(_: int) -> list[tuple[Tensor, ...]]:
        start.wait()
        return [torch.autograd.grad(loss, drawn.leaves, retain_graph=True) for _ in range(20)]

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(differentiate, range(4)):
            for gradients in found:
                assert_close(gradients, expected)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # torch warns of its own code
def test_tangents_of_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "MIN_SIZE", 1)
    drawn = Drawn("lstm_peephole", bias=True, dtype=torch.float32)
    tangents = []
    for fast in (True, False):
        output = drawn.run(fast)[0]
        with forward_ad.dual_level():
            given = forward_ad.make_dual(torch.ones_like(output), torch.ones_like(output))
            gradients = torch.autograd.grad(output, drawn.leaves, given)
            tangents.append([forward_ad.unpack_dual(gradient).tangent for gradient in gradients])
    assert_close(*tangents, rtol=1e-4)


@pytest.mark.usefixtures("products_of_steps")
def test_a_backward_pass_under_autocast_is_exact() -> None:
    drawn = Drawn("lstm_layernorm", bias=True, dtype=torch.float32)
    leaves = [named[name] for named in drawn.weights for name in ("weight_ih", "weight_hh")]
    expected = torch.autograd.grad(drawn.loss(fast=True), leaves)
    loss = drawn.loss(fast=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = torch.autograd.grad(loss, leaves)
    assert_close(found, expected, rtol=1e-5)


@pytest.mark.parametrize("is_large", [True, False])
def test_small_steps_have_no_product_of_their_own(is_large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Drawn("lstm_peephole", bias=True)
    size = 4 * HIDDEN_SIZE * HIDDEN_SIZE * WALK.mean_batch_size // any_cell.MIN_STEP
    monkeypatch.setattr(any_cell, "prefers_onednn", lambda _, found: found >= size + (not is_large))
    output = drawn.run(fast=True)[0]
    nodes, names = [output.grad_fn], set()
    while nodes:
        if (node := nodes.pop()) is not None and node not in names:
            names.add(node)
            nodes += [following for following, _ in node.next_functions]
    assert any(node.name() == "_MultiplyInputBackward" for node in names)
    assert any(node.name() == "_MultiplyStateBackward" for node in names) == is_large


def test_a_cell_without_a_recurrent_matrix() -> None:
    class Sum(Cell):
        """h' = h + W_ih x."""

        name = "sum"

        def project(self, x: Tensor, weights: Weights) -> Tensor:
            return multiply_input(x, weights)

        def step(self, projected: Tensor, state: State, _: Weights) -> tuple[State, dict[str, Tensor]]:
            return (state[0] + projected,), {}

    x = torch.ones(WALK.num_rows, 1)
    output, _ = any_cell_layer(Sum(), x, [{"weight_ih": torch.ones(1, 1)}], (torch.zeros(1, 3, 1),), WALK)
    assert output.flatten().tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 4]


def test_batches_of_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "MIN_SIZE", 1)
    drawn = Drawn("lstm_peephole", bias=True, dtype=torch.float32)
    output = drawn.run(fast=True)[0]
    batch = torch.randn(3, *output.shape)
    together = torch.autograd.grad(output, drawn.leaves, batch, is_grads_batched=True, retain_graph=True)
    apart = [torch.autograd.grad(output, drawn.leaves, each, retain_graph=True) for each in batch]
    assert_close(together, [torch.stack(each) for each in zip(*apart, strict=True)], rtol=1e-4)


@pytest.mark.parametrize("name", ["lstm_peephole", "lstm_layernorm"])
def test_small_steps(name: str) -> None:
    drawn = Drawn(name, bias=True)
    gradients = [torch.autograd.grad(drawn.loss(fast), drawn.leaves) for fast in (True, False)]
    assert_close(*gradients)

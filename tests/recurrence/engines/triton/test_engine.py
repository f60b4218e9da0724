"""The Triton kernels, interpreted, against the reference engine: values and all gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS, PackedWalk, State, Weights
from seqtrain.recurrence.engines.reference import reference_layer

if TYPE_CHECKING:
    from seqtrain.recurrence.engines.triton.plan import Plan

pytestmark = pytest.mark.usefixtures("interpreter")

LSTM = CELLS["lstm"]
RAGGED = (17, 16, 5, 1)


@dataclass
class Layer:
    x: Tensor
    weights: list[Weights]
    state: State
    walk: PackedWalk

    @property
    def leaves(self) -> list[Tensor]:
        return [self.x, *self.state, *(weight for named in self.weights for weight in named.values())]


def draw_layer(
    hidden_size: int,
    batch_sizes: tuple[int, ...],
    num_directions: int = 2,
    bias: bool = True,
    dtype: torch.dtype = torch.float32,
    scale: float = 1.0,
) -> Layer:
    generator = torch.Generator().manual_seed(hidden_size)
    walk = PackedWalk(batch_sizes, torch.device("cpu"))

    def draw(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
        return torch.randn(shape, generator=generator).mul_(scale).to(dtype).requires_grad_()

    shapes = LSTM.shapes(5, hidden_size, bias)
    return Layer(
        x=draw(walk.num_rows, 5),
        weights=[
            {name: (draw(*shape) * 0.2).detach().requires_grad_() for name, shape in shapes.items()}
            for _ in range(num_directions)
        ],
        state=(
            draw(num_directions, batch_sizes[0], hidden_size),
            draw(num_directions, batch_sizes[0], hidden_size, dtype=torch.float32),
        ),
        walk=walk,
    )


def draw_plan(layer: Layer, regime: str, **changes: int) -> Plan:
    from seqtrain.recurrence.engines.triton import plan as plans
    from seqtrain.recurrence.engines.triton.engine import H200

    num_directions, batch_size, hidden_size = layer.state[0].shape
    plan: Plan | None
    if regime == "whole":
        plan = plans.plan_whole(hidden_size, batch_size, num_directions)
    elif regime == "group":
        tiles = -(-batch_size // plans.ROWS)
        width = layer.x.dtype.itemsize
        plan = plans.plan_group(hidden_size, width, 16, tiles, num_directions, H200)
    else:
        plan = plans.plan_step(hidden_size, layer.x.dtype, batch_size)
    assert plan is not None
    return replace(plan, **changes)


def run_triton(layer: Layer, plan: Plan) -> tuple[Tensor, State]:
    from seqtrain.recurrence.engines.triton.engine import run_plan

    return run_plan(plan, layer.x, layer.weights, layer.state, layer.walk, tuple(layer.weights[0]))


def run_reference(layer: Layer) -> tuple[Tensor, State]:
    return reference_layer(LSTM, layer.x, layer.weights, layer.state, layer.walk)


def differentiate(layer: Layer, run: Callable[[], tuple[Tensor, State]]) -> list[Tensor]:
    """All results and gradients of a loss in which every result has its own weight."""
    output, final = run()
    values = [output, *final]
    generator = torch.Generator().manual_seed(13)
    loss = sum((value * torch.randn(value.shape, generator=generator)).sum() for value in values)
    return [*values, *torch.autograd.grad(loss, layer.leaves)]


def assert_like_reference(layer: Layer, plan: Plan, tolerance: float = 1e-5) -> None:
    mine = differentiate(layer, lambda: run_triton(layer, plan))
    theirs = differentiate(layer, lambda: run_reference(layer))
    for left, right in zip(mine, theirs, strict=True):
        torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance * right.abs().max().item())


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


def test_float16_is_as_close_to_float64_as_the_reference() -> None:
    layer = draw_layer(24, (3, 3, 2), dtype=torch.float16)
    mine, _ = run_triton(layer, draw_plan(layer, "whole"))
    exact = Layer(
        layer.x.double(),
        [{name: weight.double() for name, weight in named.items()} for named in layer.weights],
        tuple(state.double() for state in layer.state),
        layer.walk,
    )
    theirs, truth = run_reference(layer)[0], run_reference(exact)[0]
    assert (mine - truth).abs().max() <= 2 * (theirs - truth).abs().max()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"num_groups": 1}, id="a group walks over two tiles"),
        pytest.param({"directions_at_once": 1}, id="a launch per direction"),
        pytest.param({"num_warps": 8, "gradient_chunk": 16, "gradients_at_once": 1}, id="eight parts"),
        pytest.param({"chunk": 16, "gradient_chunk": 16, "gradients_at_once": 2}, id="small chunks"),
        pytest.param({"num_units": 8, "num_slices": 5}, id="five members"),
    ],
)
def test_group_with_other_tiles(changes: dict[str, int]) -> None:
    layer = draw_layer(36, (17, 16, 1), dtype=torch.float32)
    assert_like_reference(layer, draw_plan(layer, "group", **changes))


@pytest.mark.parametrize("changes", [{"num_rows": 64, "num_groups": 1}, {"chunk": 16, "gradient_chunk": 16}])
def test_step_with_other_tiles(changes: dict[str, int]) -> None:
    layer = draw_layer(36, (17, 16, 1))
    assert_like_reference(layer, draw_plan(layer, "step", **changes))


def test_a_larger_layer_takes_the_plan_of_the_table() -> None:
    from seqtrain.recurrence.engines.triton.engine import triton_layer

    layer = draw_layer(130, (3, 2))
    mine = differentiate(layer, lambda: triton_layer(LSTM, layer.x, layer.weights, layer.state, layer.walk))
    theirs = differentiate(layer, lambda: run_reference(layer))
    for left, right in zip(mine, theirs, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("regime", ["whole", "group", "step"])
def test_repeats_bit_by_bit_and_changes_no_argument(regime: str) -> None:
    layer = draw_layer(17, (17, 3))
    before = [leaf.detach().clone() for leaf in layer.leaves]
    plan = draw_plan(layer, regime)
    first = differentiate(layer, lambda: run_triton(layer, plan))
    second = differentiate(layer, lambda: run_triton(layer, plan))
    assert all(torch.equal(left, right) for left, right in zip(first, second, strict=True))
    assert all(torch.equal(left, right) for left, right in zip(before, layer.leaves, strict=True))


@pytest.mark.parametrize("regime", ["whole", "group", "step"])
def test_inference_gives_the_same_bits(regime: str) -> None:
    layer = draw_layer(17, (5, 5, 2))
    plan = draw_plan(layer, regime)
    output, final = run_triton(layer, plan)
    with torch.no_grad():
        alone, alone_final = run_triton(layer, plan)
    assert output.requires_grad
    assert not alone.requires_grad
    for left, right in zip((output, *final), (alone, *alone_final), strict=True):
        assert torch.equal(left, right)


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


@pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning")
def test_saturates_without_nan() -> None:
    layer = draw_layer(16, (3, 3), scale=300.0)
    plan = draw_plan(layer, "whole")
    results = differentiate(layer, lambda: run_triton(layer, plan))
    assert all(result.isfinite().all() for result in results)
    torch.testing.assert_close(results[0], run_reference(layer)[0], rtol=1e-4, atol=1e-4)


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

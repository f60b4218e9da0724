"""Layers on top of each other."""

import pytest
import torch

from seqtrain.recurrence import CELLS, PackedWalk
from seqtrain.recurrence.engines.reference import reference_layer
from seqtrain.recurrence.stack import run_layers

CELL, WALK = CELLS["lstm"], PackedWalk([2, 2, 1], torch.device("cpu"))


def draw_layers(*input_sizes: int) -> list[list[dict[str, torch.Tensor]]]:
    """The weights of layers of four units in two directions."""
    torch.manual_seed(0)
    return [
        [{name: torch.randn(shape) for name, shape in CELL.shapes(size, 4, bias=True).items()} for _ in "fb"]
        for size in input_sizes
    ]


def test_a_layer_reads_the_one_below() -> None:
    weights, x = draw_layers(3, 8), torch.randn(5, 3)
    state = (torch.randn(4, 2, 4), torch.randn(4, 2, 4))
    output, final = run_layers(CELL, "reference", x, weights, state, WALK, dropout=0.0)
    below, first = reference_layer(CELL, x, weights[0], tuple(s[:2] for s in state), WALK)
    above, second = reference_layer(CELL, below, weights[1], tuple(s[2:] for s in state), WALK)
    assert torch.equal(output, above)
    for whole, *parts in zip(final, first, second, strict=True):
        assert torch.equal(whole, torch.cat(parts))


def test_dropout_is_between_layers_alone() -> None:
    x, zero = torch.randn(5, 3), torch.zeros(2, 2, 4)
    weights = draw_layers(3)
    without, _ = run_layers(CELL, "reference", x, weights, (zero, zero), WALK, dropout=0.0)
    with_dropout, _ = run_layers(CELL, "reference", x, weights, (zero, zero), WALK, dropout=1.0)
    assert torch.equal(with_dropout, without)
    zero = torch.zeros(4, 2, 4)
    dropped, _ = run_layers(CELL, "reference", x, draw_layers(3, 8), (zero, zero), WALK, dropout=1.0)
    other, _ = run_layers(CELL, "reference", x + 1, draw_layers(3, 8), (zero, zero), WALK, dropout=1.0)
    assert torch.equal(dropped, other)  # nothing of the first layer reaches the second


@pytest.mark.parametrize(("dtype", "products"), [(torch.float32, torch.bfloat16), (torch.float64,) * 2])
def test_autocast_leaves_float64_alone(dtype: torch.dtype, products: torch.dtype) -> None:
    zero = torch.zeros(2, 2, 4, dtype=dtype)
    weights = [[{name: w.to(dtype) for name, w in named.items()} for named in draw_layers(3)[0]]]
    with torch.autocast("cpu", torch.bfloat16):
        x = torch.randn(5, 3, dtype=dtype)
        output, (h_n, c_n) = run_layers(CELL, "reference", x, weights, (zero, zero), WALK, dropout=0.0)
    assert {output.dtype, h_n.dtype, c_n.dtype} == {products}

from __future__ import annotations

import pytest
import torch
from triton_layers import (
    LSTM,
    differentiate,
    draw_layer,
    draw_plan,
    run_reference,
    run_triton,
)

pytestmark = pytest.mark.usefixtures("interpreter")


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

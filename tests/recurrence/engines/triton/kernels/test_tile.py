"""The tile code that `step` and `group` share: they give the same bits where their tiles are the same."""

import pytest
import torch
from triton_layers import differentiate, draw_layer, draw_plan, run_triton

pytestmark = pytest.mark.usefixtures("interpreter")


def test_both_kernels_give_the_same_numbers() -> None:
    layer = draw_layer(20, (17, 5, 1))
    step, group = (
        differentiate(layer, lambda regime=regime: run_triton(layer, draw_plan(layer, regime)))
        for regime in ("step", "group")
    )
    for left, right in zip(step, group, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-6)

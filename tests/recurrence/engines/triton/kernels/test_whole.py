from __future__ import annotations

import pytest
import torch
from triton_layers import (
    Layer,
    differentiate,
    draw_layer,
    draw_plan,
    run_reference,
    run_triton,
)

pytestmark = pytest.mark.usefixtures("interpreter")


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


@pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning")
def test_saturates_without_nan() -> None:
    layer = draw_layer(16, (3, 3), scale=300.0)
    plan = draw_plan(layer, "whole")
    results = differentiate(layer, lambda: run_triton(layer, plan))
    assert all(result.isfinite().all() for result in results)
    torch.testing.assert_close(results[0], run_reference(layer)[0], rtol=1e-4, atol=1e-4)

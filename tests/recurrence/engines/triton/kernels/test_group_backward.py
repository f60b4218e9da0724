"""The backward pass of a group with other numbers of parts and chunks than its plan has."""

import pytest
from triton_layers import assert_like_reference, draw_layer, draw_plan

pytestmark = pytest.mark.usefixtures("interpreter")


@pytest.mark.parametrize("num_warps", [4, 8])
@pytest.mark.parametrize("gradients_at_once", [1, 2])
def test_gradients_in_parts(num_warps: int, gradients_at_once: int) -> None:
    layer = draw_layer(20, (3, 3, 1))
    changes = {"num_warps": num_warps, "gradient_chunk": 16, "gradients_at_once": gradients_at_once}
    assert_like_reference(layer, draw_plan(layer, "group", **changes))

from __future__ import annotations

import pytest
import torch
from triton_layers import (
    assert_like_reference,
    draw_layer,
    draw_plan,
)

pytestmark = pytest.mark.usefixtures("interpreter")


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

from __future__ import annotations

import pytest
from triton_layers import (
    assert_like_reference,
    draw_layer,
    draw_plan,
)

pytestmark = pytest.mark.usefixtures("interpreter")


@pytest.mark.parametrize("changes", [{"num_rows": 64, "num_groups": 1}, {"chunk": 16, "gradient_chunk": 16}])
def test_step_with_other_tiles(changes: dict[str, int]) -> None:
    layer = draw_layer(36, (17, 16, 1))
    assert_like_reference(layer, draw_plan(layer, "step", **changes))

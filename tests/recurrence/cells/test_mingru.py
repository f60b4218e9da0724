"""The minimal GRU, by its equations."""

import pytest
import torch
from cell_loops import Weights, check_against_loop, check_gradients
from torch import Tensor


def step(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    z, n = (w["weight_ih"] @ x + w["bias_ih"]).chunk(2)
    z = torch.sigmoid(z)
    return (1 - z) * h + z * n, c


def test_equals_a_plain_loop() -> None:
    check_against_loop("mingru", step)


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_first_and_second_order(bias: bool) -> None:
    check_gradients("mingru", bias)

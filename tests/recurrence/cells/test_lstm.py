"""The LSTM, by its equations."""

import pytest
import torch
from cell_loops import Weights, check_against_loop, check_gradients
from torch import Tensor


def step(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    i, f, g, o = (w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]).chunk(4)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def test_equals_a_plain_loop() -> None:
    check_against_loop("lstm", step)


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_first_and_second_order(bias: bool) -> None:
    check_gradients("lstm", bias)

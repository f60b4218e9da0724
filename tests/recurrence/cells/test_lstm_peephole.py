"""The LSTM with peepholes, by its equations."""

import pytest
import torch
from cell_loops import Weights, check_against_loop, check_gradients
from torch import Tensor


def step(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    peep_i, peep_f, peep_o = w["weight_ch"].chunk(3)
    i, f, g, o = (w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]).chunk(4)
    new = torch.sigmoid(f + peep_f * c) * c + torch.sigmoid(i + peep_i * c) * torch.tanh(g)
    return torch.sigmoid(o + peep_o * new) * torch.tanh(new), new


def test_equals_a_plain_loop() -> None:
    check_against_loop("lstm_peephole", step)


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_first_and_second_order(bias: bool) -> None:
    check_gradients("lstm_peephole", bias)

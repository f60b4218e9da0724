"""The independently recurrent network, by its equations."""

import pytest
import torch
from cell_loops import Weights, check_against_loop, check_gradients
from torch import Tensor

from seqtrain.model import BiLSTM


def step(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    return torch.clamp(w["weight_ih"] @ x + w["weight_uh"] * h + w["bias_ih"], min=0), c


def test_equals_a_plain_loop() -> None:
    check_against_loop("indrnn", step)


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_first_and_second_order(bias: bool) -> None:
    check_gradients("indrnn", bias)


def test_recurrent_weights_start_between_zero_and_one() -> None:
    layer = BiLSTM(3, 400, cell="indrnn")
    for weight in (layer.weight_uh_l0, layer.weight_uh_l0_reverse):
        assert weight.min() >= 0
        assert weight.max() <= 1
        assert weight.std() > 0.2

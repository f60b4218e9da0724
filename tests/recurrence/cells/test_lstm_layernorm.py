"""The LSTM with layer normalisation, by its equations."""

import pytest
import torch
import torch.nn.functional as F
from cell_loops import Weights, check_against_loop, check_gradients
from torch import Tensor

from seqtrain.model import BiLSTM


def step(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    size = h.shape
    rows = (4 * h.numel(),)
    gates = F.layer_norm(w["weight_ih"] @ x, rows, w["weight_norm_ih"], w["bias_ih"])
    gates = gates + F.layer_norm(w["weight_hh"] @ h, rows, w["weight_norm_hh"], w["bias_hh"])
    i, f, g, o = gates.chunk(4)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(F.layer_norm(c, size, w["weight_norm_c"], w["bias_norm_c"])), c


def test_equals_a_plain_loop() -> None:
    check_against_loop("lstm_layernorm", step)


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_first_and_second_order(bias: bool) -> None:
    check_gradients("lstm_layernorm", bias)


def test_gains_start_at_one_and_offsets_at_zero() -> None:
    layer = BiLSTM(3, 4, cell="lstm_layernorm")
    assert (layer.weight_norm_hh_l0_reverse == 1).all()
    assert (layer.bias_norm_c_l0 == 0).all()
    assert layer.weight_hh_l0.abs().max() <= 0.5

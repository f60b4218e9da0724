"""Each cell by its equations: a layer against a loop over single steps that are written out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from cell_loops import Step, Weights, check_against_loop, check_gradients
from torch import Tensor, sigmoid, tanh

from seqtrain.model import BiLSTM


def both(x: Tensor, h: Tensor, w: Weights) -> Tensor:
    return w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]


def lstm(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    i, f, g, o = both(x, h, w).chunk(4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def lstm_coupled(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    f, g, o = both(x, h, w).chunk(3)
    c = sigmoid(f) * c + (1 - sigmoid(f)) * tanh(g)
    return sigmoid(o) * tanh(c), c


def lstm_peephole(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    peep_i, peep_f, peep_o = w["weight_ch"].chunk(3)
    i, f, g, o = both(x, h, w).chunk(4)
    new = sigmoid(f + peep_f * c) * c + sigmoid(i + peep_i * c) * tanh(g)
    return sigmoid(o + peep_o * new) * tanh(new), new


def lstm_layernorm(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    rows = (4 * h.numel(),)
    gates = F.layer_norm(w["weight_ih"] @ x, rows, w["weight_norm_ih"], w["bias_ih"])
    gates = gates + F.layer_norm(w["weight_hh"] @ h, rows, w["weight_norm_hh"], w["bias_hh"])
    i, f, g, o = gates.chunk(4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(F.layer_norm(c, h.shape, w["weight_norm_c"], w["bias_norm_c"])), c


def gru(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    x_r, x_z, x_n = (w["weight_ih"] @ x + w["bias_ih"]).chunk(3)
    h_r, h_z, h_n = (w["weight_hh"] @ h + w["bias_hh"]).chunk(3)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    return (1 - z) * tanh(x_n + r * h_n) + z * h, c


def mingru(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    z, n = (w["weight_ih"] @ x + w["bias_ih"]).chunk(2)
    return (1 - sigmoid(z)) * h + sigmoid(z) * n, c


def minlstm(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    f, i, n = (w["weight_ih"] @ x + w["bias_ih"]).chunk(3)
    f, i = sigmoid(f), sigmoid(i)
    return f / (f + i) * h + i / (f + i) * n, c


def indrnn(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    return torch.clamp(w["weight_ih"] @ x + w["weight_uh"] * h + w["bias_ih"], min=0), c


STEPS: list[Step] = [lstm, lstm_coupled, lstm_peephole, lstm_layernorm, gru, mingru, minlstm, indrnn]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_equals_a_plain_loop(step: Step) -> None:
    check_against_loop(step.__name__, step)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("cell", [step.__name__ for step in STEPS])
def test_gradients_of_first_and_second_order(cell: str, bias: bool) -> None:
    check_gradients(cell, bias)


def test_recurrent_weights_of_indrnn_start_between_zero_and_one() -> None:
    layer = BiLSTM(3, 400, cell="indrnn")
    for weight in (layer.weight_uh_l0, layer.weight_uh_l0_reverse):
        assert weight.min() >= 0
        assert weight.max() <= 1
        assert weight.std() > 0.2


def test_gains_start_at_one_and_offsets_at_zero() -> None:
    layer = BiLSTM(3, 4, cell="lstm_layernorm")
    assert (layer.weight_norm_hh_l0_reverse == 1).all()
    assert (layer.bias_norm_c_l0 == 0).all()
    assert layer.weight_hh_l0.abs().max() <= 0.5


def test_gates_of_minlstm_that_are_both_shut_share_the_memory() -> None:
    """f and i are 0 in float32 where their logarithms differ by 1: the quotient of the two would be nan."""
    layer = BiLSTM(1, 1, cell="minlstm", bidirectional=False)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor([[-200.0], [-201.0], [5.0]]))
        layer.bias_ih_l0.zero_()
        _, h_n = layer(torch.ones(1, 1, 1))
    torch.testing.assert_close(h_n.item(), 5 * sigmoid(torch.tensor(-1.0)).item())

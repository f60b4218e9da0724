"""The minimal LSTM, by its equations."""

import pytest
import torch
from cell_loops import Weights, check_against_loop, check_gradients
from torch import Tensor

from seqtrain.model import BiLSTM


def step(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    f, i, n = (w["weight_ih"] @ x + w["bias_ih"]).chunk(3)
    f, i = torch.sigmoid(f), torch.sigmoid(i)
    return f / (f + i) * h + i / (f + i) * n, c


def test_equals_a_plain_loop() -> None:
    check_against_loop("minlstm", step)


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_first_and_second_order(bias: bool) -> None:
    check_gradients("minlstm", bias)


def test_gates_that_are_both_shut_share_the_memory() -> None:
    """f and i are 0 in float32 where their logarithms differ by 1: the quotient of the two would be nan."""
    layer = BiLSTM(1, 1, cell="minlstm", bidirectional=False)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor([[-200.0], [-201.0], [5.0]]))
        layer.bias_ih_l0.zero_()
        _, h_n = layer(torch.ones(1, 1, 1))
    torch.testing.assert_close(h_n.item(), 5 * torch.sigmoid(torch.tensor(-1.0)).item())

"""Passes that keep nothing for a backward pass."""

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from seqtrain.model import BiLSTM


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize(("batch_size", "hidden_size"), [(1, 7), (3, 20), (70, 100)])
def test_results_without_gradients_are_those_with(
    cell: str, packed: bool, batch_size: int, hidden_size: int
) -> None:
    torch.manual_seed(0)
    layer = BiLSTM(5, hidden_size, 2, cell=cell)
    x: Tensor | PackedSequence = torch.randn(40, batch_size, 5)
    if packed:
        x = pack_padded_sequence(x, [40 - 39 * k // batch_size for k in range(batch_size)])
    output, state = layer(x)
    with torch.no_grad():
        quiet, quiet_state = layer(x)
    torch.testing.assert_close(quiet.data, output.data, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(quiet_state, state, rtol=1e-5, atol=1e-6)


def test_results_can_take_part_in_a_later_backward_pass() -> None:
    layer = BiLSTM(3, 4)
    with torch.no_grad():
        output, (h_n, c_n) = layer(torch.randn(5, 2, 3))
    assert not any(value.is_inference() for value in (output, h_n, c_n))
    weight = torch.ones((), requires_grad=True)
    (output.sum() * weight + (h_n * weight).sum() + (c_n * weight).sum()).backward()
    torch.testing.assert_close(weight.grad, output.sum() + h_n.sum() + c_n.sum())

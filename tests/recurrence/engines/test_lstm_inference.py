"""The LSTM's time loop without gradients, against torch in float64."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from seqtrain.model import BiLSTM


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("hidden_size", "lengths"), [(5, [9, 4, 1]), (40, [6] * 50)])
def test_equals_torchs(hidden_size: int, lengths: list[int], bias: bool) -> None:
    torch.manual_seed(0)
    exact = nn.LSTM(3, hidden_size, bias=bias, bidirectional=True, dtype=torch.float64)
    mine = BiLSTM(3, hidden_size, bias=bias)
    mine.load_state_dict(exact.state_dict())
    x = pack_padded_sequence(torch.randn(max(lengths), len(lengths), 3), lengths)
    hx = tuple(torch.randn(2, len(lengths), hidden_size) for _ in range(2))
    with torch.no_grad():
        output, (h_n, c_n) = mine(x, hx)
        expected, final = exact(x.double(), tuple(state.double() for state in hx))
    for found, wanted in zip((output.data, h_n, c_n), (expected.data, *final), strict=True):
        torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-6)

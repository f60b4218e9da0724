"""The GRU's time loops over long sequences."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from seqtrain.model import BiLSTM


@pytest.mark.parametrize("packed", [False, True])
def test_long_sequences_are_exact(packed: bool) -> None:
    torch.manual_seed(0)
    mine = BiLSTM(2, 5, cell="gru", backend="eager", dtype=torch.float64)
    theirs = nn.GRU(2, 5, bidirectional=True, dtype=torch.float64)
    theirs.load_state_dict(mine.state_dict())
    x = torch.randn(1000, 2, 2, dtype=torch.float64)
    given = pack_padded_sequence(x, [1000, 3]) if packed else x
    results = []
    for layer in (mine, theirs):
        output, h_n = layer(given)
        output = output.data if packed else output
        results.append([output, h_n, *torch.autograd.grad(output.square().sum(), layer.parameters())])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)

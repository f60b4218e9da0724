"""The GRU against torch's."""

import pytest
import torch
from cell_loops import LENGTHS
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from seqtrain.model import BiLSTM


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_gru_is_a_drop_in_for_torchs(packed: bool, bias: bool) -> None:
    torch.manual_seed(3)
    theirs = nn.GRU(3, 5, 2, bias=bias, bidirectional=True, dtype=torch.float64)
    torch.manual_seed(3)
    mine = BiLSTM(3, 5, 2, bias=bias, cell="gru", dtype=torch.float64)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for name, weight in theirs.state_dict().items():
        assert torch.equal(mine.state_dict()[name], weight), name
    nn.GRU(3, 5, 2, bias=bias, bidirectional=True).load_state_dict(mine.state_dict())

    x = pack_sequence([torch.randn(n, 3, dtype=torch.float64) for n in LENGTHS], enforce_sorted=False)
    given = x if packed else torch.randn(4, 3, 3, dtype=torch.float64)
    h_0 = torch.randn(4, 3, 5, dtype=torch.float64, requires_grad=True)
    results = []
    for layer in (mine, theirs):
        output, h_n = layer(given, h_0)
        output = output.data if packed else output
        loss = output.square().sum() + h_n.pow(3).sum()
        results.append([output, h_n, *torch.autograd.grad(loss, [h_0, *layer.parameters()])])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)


def test_gru_takes_one_state() -> None:
    layer = BiLSTM(3, 4, cell="gru")
    x = torch.zeros(2, 1, 3)
    h_0 = torch.zeros(2, 1, 4)
    with pytest.raises(RuntimeError, match=r"^hx must be the tensor h_0, \(2, 1, 4\), got: a tuple of 2 "):
        layer(x, (h_0, h_0))
    output, h_n = layer(x[:, 0], h_0[:, 0])
    assert output.shape == (2, 8)
    assert h_n.shape == (2, 4)

"""The simple recurrent network, against torch's."""

import pytest
import torch
from torch import nn

from seqtrain.recurrence import CELLS


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_a_step_equals_torchs(nonlinearity: str, bias: bool) -> None:
    torch.manual_seed(0)
    theirs = nn.RNNCell(3, 5, bias, nonlinearity, dtype=torch.float64)
    weights = {name: weight.unsqueeze(0) for name, weight in theirs.named_parameters()}
    x, h = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    mine = CELLS[f"rnn_{nonlinearity}"]
    (after,), gates = mine.step(mine.project(x.unsqueeze(0), weights), (h.unsqueeze(0),), weights)
    torch.testing.assert_close(after[0], theirs(x, h), rtol=1e-12, atol=1e-12)
    assert gates == {}

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from seqtrain.analysis import gradients as module
from seqtrain.analysis.gradients import reach
from seqtrain.records import IGNORED, FinalState
from seqtrain.recurrence.trace import trace


def test_a_recurrence_that_halves_its_state() -> None:
    """h_t = h_(t-1) / 2 where the input is 0: with each step it means half as much to a loss."""
    rnn = nn.RNN(1, 1, bias=False, nonlinearity="relu")
    with torch.no_grad():
        rnn.weight_ih_l0.fill_(0.0)
        rnn.weight_hh_l0.fill_(0.5)
    traced = trace(rnn, torch.ones(1, 3, 1), torch.tensor([3]), FinalState(torch.ones(1, 1, 1)))
    scores = torch.cat([traced.output, -traced.output], dim=-1)
    found = reach(traced, scores, torch.zeros(1, 3, dtype=torch.long))
    assert found is not None
    assert found.shape == (1, 1, 1, 3, 3)
    own = found[0, 0, 0].diagonal()
    np.testing.assert_allclose(found[0, 0, 0, 2], [own[2] / 4, own[2] / 2, own[2]], rtol=1e-6)
    assert (np.triu(found[0, 0, 0], 1) == 0).all()  # nothing after the loss matters to it


def test_padding_has_no_loss() -> None:
    torch.manual_seed(0)
    traced = trace(nn.GRU(2, 3), torch.randn(2, 4, 2), torch.tensor([4, 2]))
    targets = torch.tensor([[0, 1, 2, 0], [1, 1, IGNORED, IGNORED]])
    found = reach(traced, traced.output, targets)
    assert found is not None
    assert (found[1, :, :, 2:] == 0).all()
    assert (found[1, 0, 0, :2].diagonal() > 0).all()


def test_very_long_sequences_have_none(monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_STEPS", 3)
    traced = trace(nn.GRU(2, 3), torch.randn(1, 4, 2), torch.tensor([4]))
    assert reach(traced, traced.output, torch.zeros(1, 4, dtype=torch.long)) is None

"""Recurrences as scans give the states of the modules whose weights they share."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqtrain.model import BiLSTM, RecurrentBackbone
from seqtrain.serving.export.scan import ScannedRecurrence

LENGTHS = torch.tensor([4, 1, 3])


@pytest.mark.parametrize(
    "rnn",
    [
        nn.RNN(2, 3, batch_first=True),
        nn.LSTM(2, 3, 2, batch_first=True, bidirectional=True),
        BiLSTM(2, 3, batch_first=True, cell="gru"),
        BiLSTM(2, 3, 2, batch_first=True, cell="lstm_layernorm"),
    ],
    ids=["rnn", "lstm", "gru", "lstm_layernorm"],
)
def test_states_are_those_of_the_module(rnn: nn.Module) -> None:
    torch.manual_seed(0)
    features = torch.randn(3, 4, 2)
    backbone = RecurrentBackbone(rnn)
    with torch.no_grad():
        expected, summary, final = backbone(features, LENGTHS)
        found, found_summary, last = ScannedRecurrence(rnn)(features, LENGTHS)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found_summary, summary, rtol=1e-5, atol=1e-6)
    # The final states of the last layer.
    torch.testing.assert_close(last.h_n, final.h_n[-len(last.h_n) :], rtol=1e-5, atol=1e-6)


def test_what_is_beyond_a_sequence_does_not_matter() -> None:
    rnn = nn.GRU(2, 3, batch_first=True, bidirectional=True)
    features = torch.randn(3, 4, 2)
    beyond = torch.arange(4) >= LENGTHS[:, None]
    with torch.no_grad():
        states, *_ = ScannedRecurrence(rnn)(features, LENGTHS)
        others, *_ = ScannedRecurrence(rnn)(features.masked_fill(beyond[..., None], 9.0), LENGTHS)
    assert torch.equal(states, others)
    assert (states[beyond] == 0).all()

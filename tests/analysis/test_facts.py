from __future__ import annotations

import pytest
from torch import nn

from seqtrain.analysis.report import describe_run, first_member
from seqtrain.model import BiLSTM, Ensemble, Network, RecurrentBackbone, TagHead, VectorEncoder
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs


def network(rnn: nn.Module) -> Network:
    encoder = VectorEncoder(DataSpec(VectorInputs(feature_size=rnn.input_size), SequenceClasses(("a", "b"))))
    return Network(encoder, RecurrentBackbone(rnn), TagHead(4, 2, 0.0, 0.0))


@pytest.mark.parametrize(
    ("rnn", "words"),
    [
        (nn.GRU(2, 4), "GRU, 1 layer of 4 units, forward"),
        (BiLSTM(2, 2, 2), "BiLSTM, 2 layers of 2 units, forward and backward"),
        (BiLSTM(2, 2, cell="gru"), "BiLSTM (gru), 1 layer of 2 units, forward and backward"),
    ],
)
def test_the_model_in_words(rnn: nn.Module, words: str) -> None:
    assert describe_run(network(rnn), "Digits", 12)[0] == ("model", words)


def test_of_an_ensemble_the_first_member_is_shown() -> None:
    members = [network(nn.RNN(2, 4)) for _ in range(3)]
    ensemble = Ensemble(members)
    assert first_member(ensemble) is ensemble.members[0]
    assert first_member(members[1]) is members[1]
    assert describe_run(ensemble, "Digits", 12)[1:] == [
        ("shown", "the first of 3 members"),
        ("parameters", f"{3 * (2 * 4 + 4 * 4 + 2 * 4 + 4 * 2 + 2)}"),
        ("data", "Digits"),
        ("examples", "12"),
    ]

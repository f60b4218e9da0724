"""Encoder and head of tokens."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqtrain.config import compose_config
from seqtrain.model import NextTokenHead, TokenEncoder, VectorEncoder
from seqtrain.model.encoder import LockedDropout
from seqtrain.spec import DataSpec, NextToken, SequenceClasses, TokenInputs, VectorInputs, Vocabulary
from seqtrain.training.network import build_network

INPUTS = TokenInputs(tokens=Vocabulary(tuple("abcdef"), (1,) * 6), unit="character")
SPEC = DataSpec(INPUTS, NextToken(INPUTS.tokens))


def test_locked_dropout_drops_the_same_at_every_step() -> None:
    dropped = LockedDropout(0.5)(torch.ones(3, 7, 20))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert set(dropped.unique().tolist()) == {0, 2}
    assert not torch.equal(dropped[0], dropped[1])
    steps = torch.ones(3, 7, 20)
    assert LockedDropout(0.5).eval()(steps) is steps


def test_token_dropout_hides_a_token_wherever_it_occurs() -> None:
    torch.manual_seed(0)
    encoder = TokenEncoder(SPEC, size=4, dropout=0.0, token_dropout=0.5)
    tokens = torch.tensor([[2, 3, 4, 5, 2], [5, 4, 3, 2, 6]])
    zero = (encoder(tokens) == 0).all(dim=-1)
    assert 0 < zero.sum() < 10
    for token in range(2, 7):
        assert len(zero[tokens == token].unique()) == 1
    assert not (encoder.eval()(tokens) == 0).all(dim=-1).any()


def test_padding_is_zero() -> None:
    encoder = TokenEncoder(SPEC, size=4, dropout=0.0)
    nn.init.ones_(encoder.embedding.weight)
    encoder.embedding.weight.data[0] = 0
    assert encoder(torch.tensor([[2, 0]]))[0, 1].tolist() == [0] * 4


def test_an_encoder_of_tokens_refuses_other_inputs() -> None:
    spec = DataSpec(VectorInputs(feature_size=2), SequenceClasses(("a", "b")))
    with pytest.raises(ValueError, match=r"needs data that holds tokens \(TokenInputs\), got VectorInputs$"):
        TokenEncoder(spec, size=4, dropout=0.0)


class TestTied:
    @pytest.mark.parametrize(("size", "projected"), [(12, False), (5, True)])
    def test_the_head_scores_with_the_embedding(self, size: int, projected: bool) -> None:
        sizes = ["task=language_model", "model.hidden_size=12", f"encoder.size={size}"]
        cfg = compose_config([*sizes, "head.tied=true"])
        network = build_network(cfg, SPEC)
        assert network.head.linear.weight is network.encoder.embedding.weight
        assert isinstance(network.head.projection, nn.Linear) == projected
        untied = build_network(compose_config(sizes), SPEC)
        saved = 12 * 8 - (12 * 5 + 5) * projected
        assert untied.num_parameters - network.num_parameters == saved
        again = build_network(cfg, SPEC)
        again.load_state_dict(network.state_dict())
        assert again.head.linear.weight is again.encoder.embedding.weight

    def test_an_encoder_without_embedding_is_refused(self) -> None:
        head = NextTokenHead(4, 8, 0.0, 0.0, tied=True)
        spec = DataSpec(VectorInputs(feature_size=2), SequenceClasses(("a", "b")))
        with pytest.raises(ValueError, match=r"^VectorEncoder has no embedding of these tokens; give"):
            head.tie(VectorEncoder(spec))

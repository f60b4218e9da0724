from __future__ import annotations

import itertools
import math

import pytest
import torch

from seqtrain.model import BiLSTM, Network, NextTokenHead, RecurrentBackbone, TokenEncoder
from seqtrain.model.generation import Sampling, generate, surprise
from seqtrain.spec import DataSpec, NextToken, TokenInputs, Vocabulary

NUM_TOKENS = 8
INPUTS = TokenInputs(tokens=Vocabulary(tuple("abcdef"), (1,) * 6), unit="character")
SPEC = DataSpec(INPUTS, NextToken(INPUTS.tokens))


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    encoder = TokenEncoder(SPEC, size=4, dropout=0.0)
    backbone = RecurrentBackbone(BiLSTM(4, 6, bidirectional=False))
    return Network(encoder, backbone, NextTokenHead(6, NUM_TOKENS, 0.0, 0.0)).eval()


def write(network: Network, sampling: Sampling, seed: int = 0, length: int = 40) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return list(itertools.islice(generate(network, torch.tensor([2, 3]), sampling, generator), length))


class TestGenerate:
    def test_the_same_seed_writes_the_same_and_no_reserved_token(self, network: Network) -> None:
        first = write(network, Sampling())
        assert first == write(network, Sampling()) != write(network, Sampling(), seed=1)
        assert set(first) == set(range(2, NUM_TOKENS))

    def test_temperature_0_takes_the_likeliest_as_does_the_likeliest_alone(self, network: Network) -> None:
        assert write(network, Sampling(temperature=0)) == write(network, Sampling(top_k=1), seed=5)

    def test_the_state_goes_on_as_if_the_whole_text_were_read(self, network: Network) -> None:
        written = write(network, Sampling(temperature=0), length=10)
        text = torch.tensor([2, 3, *written[:-1]])
        scores = torch.stack([-surprise(network, torch.cat([text[:2], torch.tensor([each])]))[-1]
                              for each in range(2, NUM_TOKENS)])  # fmt: skip
        assert written[0] == int(scores.argmax()) + 2

    def test_few_of_the_likeliest(self) -> None:
        scores = torch.tensor([9.0, 9.0, 1.0, 3.0, 2.0])
        generator = torch.Generator().manual_seed(0)
        chosen = {Sampling(top_k=2).choose(scores, generator) for _ in range(50)}
        assert chosen == {3, 4}

    def test_a_low_temperature_prefers_the_likely(self) -> None:
        scores = torch.tensor([0.0, 0.0, 0.0, 1.0])
        generator = torch.Generator().manual_seed(0)
        shares = [
            sum(Sampling(each).choose(scores, generator) == 3 for _ in range(400)) / 400 for each in (1, 0.3)
        ]
        assert shares[0] == pytest.approx(math.e / (1 + math.e), abs=0.06)
        assert shares[1] > 0.93


def test_surprise_is_the_loss_of_every_token_whatever_the_pieces(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = torch.randint(2, NUM_TOKENS, (50,))
    whole = surprise(network, tokens)
    monkeypatch.setattr("seqtrain.model.generation.STEPS", 7)
    assert torch.allclose(surprise(network, tokens), whole, atol=1e-6)
    assert whole.shape == (49,)
    assert len(surprise(network, tokens[:1])) == 0

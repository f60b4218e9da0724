"""The whole network of every task and backbone: what is in a batch beside a sequence does not matter."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from seqtrain.data import Dataset
from seqtrain.model import Network, VectorEncoder
from seqtrain.records import SequenceBatch, Words
from seqtrain.training.build import build_data
from seqtrain.training.network import build_network

MODELS = ["rnn", "lstm", "gru", "bilstm"]
CHOSEN = [3, 11, 7, 0, 20]


def network_and_data(compose, task: str, *overrides: str) -> tuple[Network, Dataset]:
    cfg = compose("model.num_layers=2", *overrides, task=task)
    data = build_data(cfg)
    data.setup()
    torch.manual_seed(0)
    return build_network(cfg, data.spec).eval(), data.corpus.splits["dev"]


def assert_same(left: Tensor, right: Tensor) -> None:
    torch.testing.assert_close(left, right, rtol=0, atol=1e-5)


def with_garbage(batch: SequenceBatch, more: int) -> SequenceBatch:
    """The same batch with `more` steps of padding, everything in the padding set to something absurd."""

    def fill(values: Tensor, garbage: float) -> Tensor:
        time = values.shape[1] + more
        wide = values.new_full((len(values), time, *values.shape[2:]), garbage)
        for row, length in enumerate(batch.lengths.tolist()):
            wide[row, :length] = values[row, :length]
        return wide

    if isinstance(batch.inputs, Words):
        given = batch.inputs
        words = replace(given, word=fill(given.word, 3), spelling=fill(given.spelling, 1))
        return replace(batch, inputs=words)
    return replace(batch, inputs=fill(batch.inputs, 1e6))


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("model", MODELS)
class TestInvariance:
    def check(self, network: Network, dataset: Dataset, has_steps: bool) -> None:
        batch = dataset.batch(CHOSEN)
        with torch.inference_mode():
            scores, (output,) = network(batch)
            longer, (output_longer,) = network(with_garbage(batch, more=3))
            turned, (output_turned,) = network(dataset.batch(CHOSEN[::-1]))
        final = output.final_state
        assert_same(output_longer.final_state.h_n, final.h_n)
        assert_same(output_turned.final_state.h_n, final.h_n.flip(1))
        for row, index in enumerate(CHOSEN):
            with torch.inference_mode():
                alone, (output_alone,) = network(dataset.batch([index]))
            valid = slice(int(batch.lengths[row])) if has_steps else ...
            assert_same(scores[row][valid], alone[0])
            assert_same(longer[row][valid], alone[0])
            assert_same(turned[-1 - row][valid], alone[0])
            assert_same(final.h_n[:, row], output_alone.final_state.h_n[:, 0])
            assert_same(output.summary[row], output_alone.summary[0])

    def test_words(self, compose, model: str, directions: int) -> None:
        both = str(directions == 2).lower()
        network, dataset = network_and_data(compose, "pos", f"model={model}", f"model.bidirectional={both}")
        self.check(network, dataset, has_steps=True)

    def test_vectors_of_different_lengths(self, compose, model: str, directions: int) -> None:
        both = str(directions == 2).lower()
        layers = (f"model={model}", f"model.bidirectional={both}")
        network, dataset = network_and_data(compose, "digits", *layers)
        assert isinstance(network.encoder, VectorEncoder)
        shortened = torch.arange(len(dataset.lengths)) % 7 + 2
        self.check(network, replace(dataset, lengths=shortened), has_steps=False)


def test_num_parameters_counts_what_is_trained(compose) -> None:
    sizes = ("model.hidden_size=10", "model.num_layers=1")
    network, _ = network_and_data(compose, "digits", "model=lstm", *sizes)
    # Four gates of 10 units with 8 inputs, 10 states and two biases; then ten classes from 10 and a bias.
    assert network.num_parameters == 4 * 10 * (8 + 10 + 2) + 10 * (10 + 1)
    for parameter in network.head.parameters():
        parameter.requires_grad_(False)
    assert network.num_parameters == 800

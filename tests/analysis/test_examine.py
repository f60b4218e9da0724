from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from seqtrain.analysis.examine import ExaminedExample, examine
from seqtrain.analysis.sample import load_dev
from seqtrain.data import Dataset, encode_sentences
from seqtrain.errors import InputError
from seqtrain.model import Network, RecurrentBackbone
from seqtrain.recurrence.trace import trace
from seqtrain.serving.predictor import Predictor
from seqtrain.training.network import construct


def dev_of(loaded: Any) -> Dataset:
    return load_dev(construct(loaded[0].data), loaded[2])


def test_predictions_are_the_predictors(tagger: Any, tagged: list[Any]) -> None:
    _, network, spec = tagger
    answers = Predictor(network, spec).predict(dev_of(tagger))
    for example, answer in zip(tagged, answers, strict=False):
        assert tuple(spec.targets.names[number] for number in example.predictions) == answer.names
        assert example.confidences == pytest.approx(answer.confidences, abs=1e-4)


def test_states_are_the_networks(tagger: Any, tagged: list[Any]) -> None:
    _, network, _ = tagger
    batch = dev_of(tagger).batch([3])
    with torch.no_grad():
        states, _, final_state = network.backbone(network.encoder(batch.inputs), batch.lengths)
    h = tagged[3].signals["h"]  # (layers, directions, time, hidden)
    both = np.concatenate([h[-1, 0], h[-1, 1]], axis=-1)
    np.testing.assert_allclose(both, states[0].numpy(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(h[0, 1, 0], final_state.h_n[1, 0].numpy(), rtol=0, atol=1e-6)


def test_every_part_of_an_lstm(tagged: list[Any]) -> None:
    example = tagged[0]
    assert list(example.signals) == ["h", "c", "input", "forget", "candidate", "output", "gradient"]
    assert {part.shape for part in example.signals.values()} == {(1, 2, example.num_steps, 12)}


def test_words_and_targets_of_the_data(tagger: Any, tagged: list[ExaminedExample], treebank: Any) -> None:
    rows = [line.split("\t") for line in (treebank / "made_up-ud-dev.conllu").read_text().splitlines()]
    first = [row for row in rows if len(row) == 10][: tagged[0].num_steps]
    assert tagged[0].words == tuple(row[1] for row in first)
    assert tagged[0].targets is not None
    assert [tagger[2].targets.names[target] for target in tagged[0].targets] == [row[3] for row in first]
    assert tagged[0].name == "dev 1"


def test_the_gradient_is_that_of_the_sequences_own_loss(
    classifier: Any, classified: list[ExaminedExample]
) -> None:
    """The last state of the only direction goes to the head alone."""
    _, network, _ = classifier
    example = classified[7]
    h = torch.tensor(example.signals["h"][0, 0, -1], requires_grad=True)
    scores = network.head.linear(h)
    assert example.targets is not None
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor(example.targets[0]))
    (expected,) = torch.autograd.grad(loss, h)
    np.testing.assert_allclose(example.signals["gradient"][0, 0, -1], expected.numpy(), rtol=0, atol=1e-6)


def test_the_reach_of_a_loss_is_the_gradient_of_that_loss_alone(
    tagger: Any, tagged: list[ExaminedExample]
) -> None:
    _, network, _ = tagger
    index = max(range(len(tagged)), key=lambda place: tagged[place].num_steps)
    batch = dev_of(tagger).batch([index])
    traced = trace(network.backbone.rnn, network.encoder(batch.inputs), batch.lengths)
    scores = network.head(traced.output, traced.summary, batch.lengths)
    assert batch.targets is not None
    loss = torch.nn.functional.cross_entropy(scores[0, 2], batch.targets[0, 2])
    expected = [direction.h[0].norm(dim=-1).numpy() for direction in traced.state_gradients(loss)[0]]
    reach = tagged[index].reach
    assert reach is not None
    np.testing.assert_allclose(reach[0, :, 2], np.stack(expected), rtol=1e-4, atol=1e-8)
    assert (reach[0, 0, 2, 3:] == 0).all()  # forward, nothing after the loss matters to it
    assert (reach[0, 1, 2, :2] == 0).all()


def test_no_reach_without_a_loss_at_each_step(classified: list[Any]) -> None:
    assert classified[0].reach is None


def test_a_digit_keeps_its_image(classifier: Any, classified: list[Any]) -> None:
    inputs = dev_of(classifier).batch([5]).inputs
    assert isinstance(inputs, torch.Tensor)
    assert np.array_equal(classified[5].image, inputs[0].numpy())  # the view is rows
    assert classified[5].words is None
    assert len(classified[5].predictions) == 1


def test_text_without_targets(tagger: Any) -> None:
    _, network, spec = tagger
    dataset = encode_sentences(spec, [["the", "dog"], ["run"]])
    found = examine(network, spec, dataset, range(2), "yours")
    assert [example.words for example in found] == [("the", "dog"), ("run",)]
    assert [example.targets for example in found] == [None, None]
    assert np.abs(found[0].signals["gradient"]).max() > 0


def test_a_sequence_does_not_depend_on_its_batch(tagger: Any, tagged: list[Any]) -> None:
    _, network, spec = tagger
    (alone,) = examine(network, spec, dev_of(tagger), [4], "dev")
    for name, part in alone.signals.items():
        np.testing.assert_allclose(part, tagged[4].signals[name], rtol=0, atol=1e-6, err_msg=name)


class Alike(torch.nn.GRU):
    pass


@pytest.mark.parametrize(
    ("backbone", "problem"),
    [
        (torch.nn.Identity(), r"Identity cannot be traced: it is a backbone with equations of its own$"),
        (RecurrentBackbone(Alike(8, 3)), r"Alike cannot be traced: torch.nn.RNN, LSTM and GRU and "),
    ],
)
def test_a_backbone_that_cannot_be_traced_is_refused(classifier: Any, backbone: Any, problem: str) -> None:
    _, network, spec = classifier
    network = Network(network.encoder, network.backbone, network.head)
    network.backbone = backbone
    with pytest.raises(InputError, match=f"^model: {problem}"):
        examine(network, spec, dev_of(classifier), [0], "dev")

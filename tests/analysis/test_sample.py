from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from made_up_corpus import VECTORS
from made_up_example import example
from small_networks import network
from torch import nn

from seqtrain.analysis.examine import ExaminedExample
from seqtrain.analysis.sample import (
    Sample,
    choose_examples,
    draw_sample,
    load_dev,
    read_example,
    spread_evenly,
    traced_module,
)
from seqtrain.config import ConfigError
from seqtrain.model import RecurrentBackbone
from seqtrain.model.backbone import eval_mode
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.recurrence.trace import trace
from seqtrain.spec import Classes, DataSpec, SequenceClasses, StepClasses, VectorInputs
from seqtrain.training.build import build_data
from seqtrain.training.telemetry.recurrence import RecurrenceTelemetry


class HalfGRU(nn.GRU):
    pass


class Gated(RecurrentBackbone):
    pass


def corpus_of(cfg: Any) -> Any:
    data = build_data(cfg)
    data.setup()
    return data.corpus


def test_a_sample_is_spread_over_the_split_and_always_the_same(compose) -> None:
    corpus = corpus_of(compose(task="pos"))
    first, second = (draw_sample(corpus, 6) for _ in range(2))
    dev = corpus.splits["dev"]
    assert first.batch.lengths.tolist() == dev.lengths[[0, 4, 8, 12, 16, 20]].tolist()
    assert first.words == second.words == [dev.words(place) for place in (0, 4, 8, 12, 16, 20)]


def test_a_sample_is_at_most_the_split_and_of_so_many_steps(compose) -> None:
    corpus = corpus_of(compose())
    assert len(draw_sample(corpus, 10_000).batch) == 180
    assert len(draw_sample(corpus, 100, max_steps=80).batch) == 10  # of 8 steps each
    assert len(draw_sample(corpus, 100, max_steps=1).batch) == 1


def test_evaluation_mode_changes_nothing() -> None:
    network = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2))
    network[1].eval()
    with torch.inference_mode(), eval_mode(network, with_gradients=True):
        assert not network[0].training
        network(torch.ones(1, 2)).sum().backward()
    assert network[1].weight.grad is not None
    assert (network.training, network[0].training, network[1].training) == (True, True, False)


def test_a_backbone_of_its_own_kind_has_no_recurrent_module() -> None:
    rnn = nn.GRU(4, 3)
    made = network("tags", rnn)
    assert traced_module(made) is rnn
    made.backbone.rnn = HalfGRU(4, 3)
    assert traced_module(made) is None
    made.backbone = Gated(nn.GRU(4, 3))
    assert traced_module(made) is None


def test_a_subclass_is_left_out_of_the_telemetry_in_words(caplog) -> None:
    callback = RecurrenceTelemetry(1, num_sequences=2, gates=True, gradients=True, figures=False)
    learner: Any = SimpleNamespace(network=network("tags", HalfGRU(4, 3)))
    trainer: Any = SimpleNamespace(is_global_zero=True)
    with caplog.at_level("INFO", "seqtrain"):
        callback.on_fit_start(trainer, learner)
    assert caplog.messages == [
        "no gates and no gradients through time are logged: HalfGRU cannot be traced: torch.nn.RNN, LSTM and "
        "GRU and seqtrain.model.BiLSTM can, but not their subclasses, which may compute something else"
    ]
    callback.on_train_end(SimpleNamespace(global_step=3), learner)  # nothing to look at


def test_a_sequence_of_numbers_is_named_by_its_class_if_it_has_one() -> None:
    features, lengths = torch.rand(1, 3, 2), torch.tensor([3])
    traced = trace(nn.GRU(2, 4), features, lengths)

    def title(targets: torch.Tensor, kind: type[Classes]) -> str:
        spec = DataSpec(VectorInputs(feature_size=2), kind(("zero", "one")))
        return read_example(Sample(SequenceBatch(features, lengths, targets), spec, None), traced, 0).name

    assert title(torch.tensor([1]), SequenceClasses) == "sequence 1 of the sample (one)"
    assert title(torch.tensor([IGNORED]), SequenceClasses) == "sequence 1 of the sample"
    assert title(torch.tensor([[1, 0, 1]]), StepClasses) == "sequence 1 of the sample"
    assert example().name == "image 1 of the sample (one), read by rows"


def test_the_longest_of_the_short_sequences_are_drawn() -> None:
    assert choose_examples(torch.tensor([3, 90, 20, 24, 5]), 2) == [3, 2]
    assert choose_examples(torch.tensor([784, 784]), 1) == [0]


def test_one_sequence_of_a_batch_is_read() -> None:
    features, lengths = torch.rand(2, 3, 2), torch.tensor([3, 2])
    traced = trace(nn.LSTM(2, 4, num_layers=2, bidirectional=True), features, lengths)
    spec = DataSpec(VectorInputs(feature_size=2), SequenceClasses(("zero", "one")))
    made = read_example(Sample(SequenceBatch(features, lengths, torch.tensor([1, 0])), spec, None), traced, 1)
    assert made.inputs is not None
    assert made.inputs.tolist() == features[1, :2].T.tolist()
    assert made.labels == ["0", "1"]
    for layer, directions in enumerate(traced.layers):
        for direction, part in enumerate(directions):
            for name, values in (part.states | part.gates).items():
                assert made.signals[name][layer, direction].tolist() == values[1, :2].tolist()


def test_what_is_shown_is_in_single_precision(tagged: list[ExaminedExample]) -> None:
    assert tagged[0].reach is not None
    assert {str(part.dtype) for part in (*tagged[0].signals.values(), tagged[0].reach)} == {"float32"}


class Source:
    def load(self):
        return VECTORS


@pytest.mark.parametrize(
    ("num_sequences", "num_chosen", "places"),
    [(10, 4, [0, 2, 5, 7]), (3, 5, [0, 1, 2]), (3, 0, []), (0, 2, [])],
)
def test_places_at_even_distances(num_sequences: int, num_chosen: int, places: list[int]) -> None:
    assert spread_evenly(range(num_sequences), num_chosen) == places


def test_the_dev_part() -> None:
    assert load_dev(Source(), VECTORS.spec) is VECTORS.splits["dev"]


def test_data_that_has_changed_is_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        load_dev(Source(), DataSpec(VectorInputs(feature_size=1), SequenceClasses(("a", "b"))))
    assert refused.value.problems == (
        "data: it has changed since the training: its classes, sizes or vocabularies differ; with "
        "examples=0 it is not read",
    )

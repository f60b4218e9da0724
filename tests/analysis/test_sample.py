from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from small_networks import network
from torch import nn

from seqtrain.analysis.sample import draw_sample, traced_module
from seqtrain.model import RecurrentBackbone
from seqtrain.model.backbone import eval_mode
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

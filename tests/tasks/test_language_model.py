from __future__ import annotations

import json
import math
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from seqtrain.config import ConfigError, compose_config
from seqtrain.data import Text
from seqtrain.data.batching.streams import Piece
from seqtrain.errors import RunError
from seqtrain.model import FinalState
from seqtrain.records import IGNORED, BackboneOutput, SequenceBatch
from seqtrain.spec import NextToken, Vocabulary
from seqtrain.tasks import LanguageModel
from seqtrain.tasks.carried_state import CarriedState
from seqtrain.tasks.metrics import TextMetrics
from seqtrain.training.build import build_learner

SMALL = ("task=language_model", "model.hidden_size=8", "data.batch_size=4", "data.steps=10")


def text_corpus(tmp_path: Path, steps: int = 10) -> Any:
    path = tmp_path / "text.txt"
    path.write_text("".join(f"the light line {number % 7}\n" for number in range(200)), encoding="utf-8")
    return Text(
        path=path, unit="character", split=(80, 10, 10), batch_size=4, steps=steps, random_steps=False,
        restarts=0.0,
    ).load()  # fmt: skip


def streams(*starts: bool) -> SequenceBatch:
    size = len(starts)
    return SequenceBatch(torch.zeros(size, 1), torch.ones(size).long(), starts=torch.tensor(starts))


def output(state: Any) -> tuple[BackboneOutput]:
    return (BackboneOutput(torch.zeros(1), torch.zeros(1), state),)


class TwoTensors(NamedTuple):
    fast: Tensor
    slow: Tensor


class TestCarriedState:
    def test_a_stream_that_begins_has_the_state_zero(self) -> None:
        carried = CarriedState()
        assert carried.before(streams(False, False)) is None
        h = torch.tensor([[[1.0], [math.nan], [3.0]]], requires_grad=True)
        carried.after(streams(True, True, True), output(FinalState(h, 2 * h)))
        (state,) = carried.before(streams(False, True, False))
        assert state.h_n.flatten().tolist() == [1, 0, 3]
        assert state.c_n.flatten().tolist() == [2, 0, 6]
        assert not state.h_n.requires_grad
        assert carried.before(streams(True, True, True)) is None

    def test_streams_that_have_ended_are_the_last_ones(self) -> None:
        carried = CarriedState()
        carried.after(streams(True, True, True), output(FinalState(torch.arange(3.0).view(1, 3, 1))))
        (state,) = carried.before(streams(False, False))
        assert state.h_n.flatten().tolist() == [0, 1]

    def test_a_state_without_the_batch_in_its_place_is_refused(self) -> None:
        with pytest.raises(RunError, match=r"of shape \(1, 3, 2\), and dimension 0 is not the batch of 3"):
            CarriedState().after(streams(True, True, True), output(torch.zeros(1, 3, 2)))

    def test_a_tree_of_ones_own_has_the_batch_first(self) -> None:
        carried = CarriedState()
        tree = {
            "memory": [torch.arange(2.0)[:, None]],
            "pair": TwoTensors(torch.ones(2, 1), torch.ones(2, 1)),
        }
        carried.after(streams(True, True), output(tree))
        (state,) = carried.before(streams(True, False))
        assert state["memory"][0].tolist() == [[0], [1]]
        assert state["pair"].slow.tolist() == [[0], [1]]

    def test_it_goes_through_a_checkpoint(self, tmp_path: Path) -> None:
        carried, other = CarriedState(), CarriedState()
        carried.after(streams(True, True), output(FinalState(torch.rand(1, 2, 3), torch.rand(1, 2, 3))))
        torch.save(carried.state_dict(), tmp_path / "state")
        other.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
        (mine,), (theirs,) = (each.before(streams(False, False)) for each in (carried, other))
        assert torch.equal(mine.h_n, theirs.h_n)
        assert torch.equal(mine.c_n, theirs.c_n)
        other.load_state_dict({})
        assert other.before(streams(False, False)) is None

    def test_sequences_of_their_own_carry_nothing(self) -> None:
        carried = CarriedState()
        batch = SequenceBatch(torch.zeros(1, 1), torch.ones(1).long())
        carried.after(batch, output(FinalState(torch.ones(1, 1, 1))))
        assert carried.before(streams(False)) is None


@pytest.mark.parametrize("model", ["bilstm", "lstm", "gru", "rnn", "bilstm model.cell=mingru"])
def test_pieces_of_a_text_have_the_loss_of_the_whole(tmp_path: Path, model: str) -> None:
    corpus = text_corpus(tmp_path)
    learner = build_learner(compose_config([*SMALL, *f"model={model}".split()]), corpus.spec).eval()
    dev = corpus.splits["dev"]
    num_steps = len(dev.tokens) - 1

    def loss(cut: int) -> float:
        metrics = learner.task.build_metrics(corpus.spec, {})
        for first in range(0, num_steps, cut):
            piece = Piece(torch.tensor([first]), min(cut, num_steps - first), torch.tensor([first == 0]))
            learner.task.evaluation_step(learner.network, dev.batch(piece), metrics)
        return metrics.compute()["loss"]

    with torch.no_grad():
        assert loss(7) == pytest.approx(loss(num_steps), abs=1e-6)
        learner.task.carry_state = False
        assert abs(loss(7) - loss(num_steps)) > 1e-5


def test_training_goes_on_from_the_state_and_its_gradient_ends_there(tmp_path: Path) -> None:
    corpus = text_corpus(tmp_path)
    learner = build_learner(compose_config(SMALL), corpus.spec)
    train = corpus.splits["train"]
    first, second, *_ = train.order(corpus_batching(), seed=0, rank=0, world_size=1).batches(0)
    learner.task.training_step(learner.network, train.batch(first))
    carried, _ = learner.task.training_step(learner.network, train.batch(second))
    learner.task.load_state_dict({})
    fresh, _ = learner.task.training_step(learner.network, train.batch(second))
    assert carried != fresh
    carried.backward()  # the graph of the first batch is gone


def corpus_batching() -> Any:
    from seqtrain.data import Batching

    return Batching(4, None, 1)


def test_an_evaluation_leaves_the_state_of_the_training(tmp_path: Path) -> None:
    corpus = text_corpus(tmp_path)
    learner = build_learner(compose_config(SMALL), corpus.spec)
    train = corpus.splits["train"]
    batch = train.batch(train.order(corpus_batching(), 0, 0, 1).batches(0)[0])
    learner.task.training_step(learner.network, batch)
    (before,) = learner.task.state_dict()["states"]
    metrics = learner.task.build_metrics(corpus.spec, {})
    learner.task.evaluation_step(learner.network, batch, metrics)
    (after,) = learner.task.state_dict()["states"]
    assert torch.equal(before["final_state"][0], after["final_state"][0])


def test_metrics_of_a_text() -> None:
    for unit, more in (("character", {"bits_per_character": 2.0}), ("word", {})):
        metrics = TextMetrics(NextToken(Vocabulary((), ())), unit)
        targets = torch.tensor([[2, 3, IGNORED]])
        metrics.update(targets, targets, torch.tensor(2 * math.log(4)))
        expected = {"loss": math.log(4), "perplexity": 4.0} | more
        assert metrics.compute() == pytest.approx(expected, rel=1e-6)


def test_what_counts_is_named_by_the_unit(tmp_path: Path) -> None:
    assert LanguageModel("val/loss", "min").name_unit(text_corpus(tmp_path).spec) == "characters"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["model.bidirectional=true"],
            r"model\.bidirectional: true lets the model read the token that it predicts; set model\.bid",
        ),
        (["task.monitor=val/accuracy"], r"task\.monitor: got 'val/accuracy', expected .*val/perplexity"),
        (["data=digits"], r"data: task=language_model needs data=.*text"),
        (["head=tags"], r"head: task=language_model needs head=next_token"),
        (["encoder=words"], r"encoder: data=text needs encoder=tokens"),
        (["data.split=[1,0,1]"], r"data\.split"),
        (
            ["model.cell=mingru", "model.weight_drop=0.1"],
            r"model\.weight_drop: got 0\.1, but model\.cell=mingru",
        ),
        (["data.steps=1"], r"data\.steps: got 1, expected a whole number of at least 2"),
    ],
)
def test_what_does_not_fit_is_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compose_config(["task=language_model", *overrides])


def test_a_model_of_ones_own_is_as_its_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task sets hidden_size and bidirectional, which are keys of the built-in ones."""
    monkeypatch.syspath_prepend(tmp_path)
    code = """
        from torch import nn

        class Slow(nn.Module):
            def __init__(self, input_size: int, hidden_size: int = 5) -> None:
                super().__init__()
    """
    (tmp_path / "slow_model.py").write_text(dedent(code))
    (tmp_path / "model").mkdir()
    for name, keys in {"slow": {}, "small": {"hidden_size": 7}}.items():
        own = {"_target_": "slow_model.Slow", "input_size": None, **keys}
        (tmp_path / "model" / f"{name}.yaml").write_text(json.dumps(own))
        composed = compose_config(
            ["task=language_model", f"model={name}", "plugins=[slow_model]"], config_dirs=[tmp_path]
        )
        assert composed.model == own

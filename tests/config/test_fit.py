from __future__ import annotations

from collections.abc import Iterator

import pytest

from seqtrain.config import ConfigError, check_config, compose_config, fit
from seqtrain.config.fit import find_excess, find_warnings
from seqtrain.config.tree import Tree, resolve_tree


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (
            "data=ud",
            "data: task=digits needs data=arrays|digits|images|memory|mnist|texts; "
            "data=ud goes with task=pos|tagging",
        ),
        (
            "task=pos data=mnist",
            "data: task=pos needs data=arrays|memory|pos_sample|tagged|ud; "
            "data=mnist goes with task=arrays|digits|images|memory",
        ),
        (
            "encoder=words",
            "encoder: data=digits needs encoder=vectors; "
            "encoder=words goes with data=pos_sample|tagged|texts|ud",
        ),
        (
            "task=pos head=label",
            "head: task=pos needs head=crf|tags; head=label goes with task=arrays|digits|images|memory|text",
        ),
        (
            "model.input_size=10",
            "model.input_size: got 10, but the data has 8 numbers per step; leave it null, or write 8",
        ),
        (
            "data=mnist data.view=pixels model.input_size=28",
            "model.input_size: got 28, but the data has 1 per step with data.view=pixels; "
            "leave it null, or write 1",
        ),
        (
            "task=pos model.input_size=100",
            "model.input_size: got 100, but the encoder gives word_size + 2 * character_hidden_size = 300 "
            "numbers per step; leave it null, or write 300",
        ),
        (
            "task=pos encoder.word_size=0 encoder.character_hidden_size=0",
            "encoder: word_size=0 and character_hidden_size=0 leave nothing of a word; one must be above 0",
        ),
        (
            "parameters=70000 model.hidden_size=64",
            "model.hidden_size: does nothing beside parameters=70000; give one of the two",
        ),
        (
            "task=pos head=crf members=2",
            "members: got 2, but head=crf scores whole sequences and gives no probabilities of single steps "
            "to average; choose head=tags, or members=1",
        ),
        (
            "optimizer=sgd optimizer.nesterov=true optimizer.momentum=0",
            "optimizer.nesterov: true needs optimizer.momentum above 0",
        ),
        (
            "task=forecast data.targets=[load,load]",
            "data.targets: got load, load, in which a column is named twice",
        ),
        (
            "task=language_model data.split=[1e308,1e308,1]",
            "data.split: got [1e+308, 1e+308, 1.0], expected shares such as [90, 5, 5]",
        ),
        ("task=memory data.problem=copy", "data.problem: copy needs task=steps"),
        ("task=steps data=memory", "data.problem: recall needs task=memory"),
        (
            "optimizer.foreach=true",
            "optimizer.foreach: true and optimizer.fused=true are two ways of doing the same; "
            "give optimizer.fused=false",
        ),
        (
            "trainer.max_epochs=null",
            "trainer.max_epochs: null needs trainer.max_steps, or training has no end",
        ),
    ],
)
def test_contradictions(overrides: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose_config(overrides.split())
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize(
    "overrides",
    [
        "model.input_size=8",
        "optimizer.fused=true trainer.precision=16-mixed",
        "data=mnist model.input_size=28",
        "data=mnist data.path=own model.input_size=32",
        "data=mnist data.view=permuted model.input_size=1",
        "task=pos encoder.word_size=0 model.input_size=200",
        "task=pos encoder.character_hidden_size=0 model.input_size=100",
        "trainer.max_epochs=null trainer.max_steps=10",
        "task=pos data.vectors=x.txt encoder.word_size=0 encoder.character_hidden_size=0",
        "task=pos data.vectors=x.txt data.max_vectors=null model.input_size=400",
        "task=pos data=ud data.vectors=x.txt data.max_vectors=0",
    ],
)
def test_what_fits(overrides: str) -> None:
    compose_config(overrides.split())


def test_without_hydras_choices_classes_are_named() -> None:
    cfg = compose_config()
    cfg.data = compose_config(["task=pos"]).data
    with pytest.raises(ConfigError, match="data=Treebank goes with task=pos"):
        check_config(cfg)


def warnings_of(*overrides: str) -> Iterator[str]:
    return find_warnings(resolve_tree(compose_config(overrides)).tree)


def test_a_recurrence_without_a_memory_has_no_gates_to_initialize_for_it() -> None:
    assert list(warnings_of("task=memory", "model=rnn")) == [
        "initialization.chrono_steps=100 does nothing with rnn_tanh: it has no gate that keeps the memory"
    ]
    assert list(warnings_of("task=memory", "model=gru")) == []


def test_dropout_with_one_layer_does_nothing() -> None:
    assert list(warnings_of("model.dropout=0.5")) == [
        "model.dropout=0.5 does nothing with num_layers=1: dropout acts between layers"
    ]
    assert list(warnings_of("model.dropout=0.5", "model.num_layers=2")) == []
    assert list(warnings_of()) == []


NEEDED = 4 * 2 * (3 + 2) * 8  # bytes: 4 gates, hidden size 2, input size 3; biases are not counted


def tree(**root: int) -> Tree:
    model = {
        "_target_": "torch.nn.LSTM",
        "input_size": None,
        "hidden_size": 2,
        "num_layers": 1,
        "bias": True,
        "batch_first": True,
        "dropout": 0.0,
        "bidirectional": False,
    }
    return {"encoder": {"_target_": "seqtrain.model.Vectors"}, "model": model, **root}


@pytest.mark.parametrize(
    ("memory", "members", "problems"),
    [
        (NEEDED, 1, []),
        (
            NEEDED - 1,
            1,
            ["model: its weights and their gradients need at least 0.0 GB of memory, {and_this}"],
        ),
        (2 * NEEDED, 2, []),
        (2 * NEEDED, 3, ["members: 3 networks need at least 0.0 GB of memory, {and_this}"]),
        (None, 1000, []),
        (None, 1001, ["members: got 1,001, expected at most 1,000"]),
    ],
)
def test_a_network_has_to_fit_into_the_memory(
    monkeypatch: pytest.MonkeyPatch, memory: int | None, members: int, problems: list[str]
) -> None:
    monkeypatch.setattr(fit, "memory_of_machine", lambda: memory)
    expected = [problem.format(and_this="and this machine has 0.0 GB") for problem in problems]
    assert list(find_excess(tree(members=members), 3)) == expected


def test_so_many_parameters_have_to_fit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "memory_of_machine", lambda: 8_000_000_000)
    assert list(find_excess(tree(parameters=1_000_000_000), 3)) == []
    assert list(find_excess(tree(parameters=1_500_000_000), 3)) == [
        "parameters: its weights and their gradients need at least 12 GB of memory, and this machine has "
        "8.0 GB"
    ]

"""Every schema against the class that it describes, and the types of values."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from composing import problems_of

from seqtrain.config import compose_config, targets
from seqtrain.config.schemas.schema import (
    SCHEMAS,
    Count,
    Natural,
    Node,
    NonNegative,
    Positive,
    Share,
    accepts,
    describe,
    words_of,
)
from seqtrain.config.targets import ROLES, find_class, takes_newer_key

# Arguments that are no setting of a run. torch.nn.LSTM's projection changes the size of h_n alone.
NOT_OFFERED = {
    "torch.nn.RNN": {"mode", "proj_size", "device", "dtype"},
    "torch.nn.LSTM": {"mode", "proj_size", "device", "dtype"},
    "torch.nn.GRU": {"mode", "proj_size", "device", "dtype"},
    "seqtrain.model.BiLSTM": {"proj_size", "device", "dtype"},
}
# Keys that the constructor hands on: to torch's SummaryWriter, to torch.nn.RNNBase.
HANDED_ON = {
    "pytorch_lightning.loggers.TensorBoardLogger": {"max_queue", "flush_secs", "filename_suffix"},
    "seqtrain.training.TensorBoard": {"max_queue", "flush_secs", "filename_suffix"},
    "torch.nn.RNN": {"nonlinearity"},
}
# Without it Lightning would train for 1000 epochs.
REQUIRED_HERE = {"pytorch_lightning.Trainer": {"max_epochs"}}


def parameters_of(target: str) -> dict[str, inspect.Parameter]:
    cls = find_class(target)
    if target in ("torch.nn.RNN", "torch.nn.LSTM", "torch.nn.GRU"):  # these take *args and hand them on
        cls = find_class("torch.nn.RNNBase")
    parameters = inspect.signature(cls).parameters.items()
    return {name: each for name, each in parameters if each.kind is not each.VAR_KEYWORD}


@pytest.mark.parametrize("target", SCHEMAS)
def test_keys_are_the_arguments_of_the_class(target: str) -> None:
    schema, parameters = SCHEMAS[target], parameters_of(target)
    role = ROLES[schema.role]
    given = (
        set(schema.elsewhere)
        | set(role.elsewhere)
        | (set(role.added) - set(role.nullable))
        | NOT_OFFERED.get(target, set())
    )
    assert set(schema.elsewhere) <= set(parameters)
    parameters = {
        name: each
        for name, each in parameters.items()
        if name in schema.kinds or not takes_newer_key(target, name)
    }
    assert set(schema.kinds) - HANDED_ON.get(target, set()) == set(parameters) - given

    required = {name for name, each in parameters.items() if each.default is each.empty}
    required = required - given - set(role.nullable) | REQUIRED_HERE.get(target, set())
    assert schema.required == required


@pytest.mark.parametrize("target", SCHEMAS)
def test_class_is_of_the_kind_that_its_role_needs(target: str) -> None:
    kind = ROLES[SCHEMAS[target].role].kind
    if kind is not None:
        assert issubclass(find_class(target), find_class(kind))


def test_words_are_those_that_the_code_knows() -> None:
    from seqtrain.data.view import VIEWS
    from seqtrain.recurrence.cells import CELLS
    from seqtrain.recurrence.engines.selection import BACKENDS

    model = SCHEMAS["seqtrain.model.BiLSTM"].kinds
    assert words_of(model["cell"]) == list(CELLS)
    assert words_of(model["backend"]) == list(BACKENDS)
    assert words_of(SCHEMAS["seqtrain.data.Mnist"].kinds["view"]) == list(VIEWS)


def test_a_key_that_a_later_release_adds_is_accepted(monkeypatch) -> None:
    target = "torch.optim.AdamW"
    kinds = {key: kind for key, kind in SCHEMAS[target].kinds.items() if key != "amsgrad"}
    monkeypatch.setitem(targets.DESCRIBED, "torch", (99, 0))
    monkeypatch.setitem(SCHEMAS, target, replace(SCHEMAS[target], kinds=kinds))
    assert problems_of("optimizer.amsgrad=true")[0].startswith(
        "optimizer.amsgrad: no such key in torch.optim.AdamW"
    )
    monkeypatch.setitem(targets.DESCRIBED, "torch", (2, 0))
    assert compose_config(["optimizer.amsgrad=true"]).optimizer.amsgrad is True
    assert problems_of("optimizer.amsgrat=true")[0].startswith(
        "optimizer.amsgrat: no such key in torch.optim.AdamW"
    )


def test_the_annealing_strategies_are_torchs() -> None:
    cycle = torch.optim.lr_scheduler.OneCycleLR
    strategies = words_of(SCHEMAS["torch.optim.lr_scheduler.OneCycleLR"].kinds["anneal_strategy"])
    assert inspect.signature(cycle).parameters["anneal_strategy"].default in strategies
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    for strategy in strategies:
        assert cycle(optimizer, 0.1, 10, anneal_strategy=strategy).total_steps == 10


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (Count, [1, 10], [0, -1, 1.0, True, "1", None, math.inf]),
        (Natural, [0], [-1, False]),
        (Share, [0, 0.5, 1], [1.5, -0.1, math.nan, math.inf, True, "0.5"]),
        (Positive, [1e-9, 3], [0, -1, math.nan, math.inf]),
        (NonNegative, [0, 0.0], [-1e-9, -math.inf]),
        (bool, [True, False], [0, 1, "true", None]),
        (str, ["", "a"], [1, None, True]),
        (float | None, [None, 1, 1.5], [math.nan, "x", False]),
        (Literal["tanh", "relu"], ["tanh"], ["Tanh", None]),
        (Literal[16, "auto"], [16, "auto"], [16.0, "16"]),
        (Literal[1], [1], [True]),
        (list[int], [[], [1, 2]], [[1, "a"], 1, None]),
        (tuple[Share, Share], [[0.9, 0.99]], [[0.9], [0.9, 2], 0.9]),
        (dict[str, int], [{}, {"a": 1}], [[], None]),
        (Node, [{"_target_": "a.B"}], [{}, {"a": 1}, "a.B"]),
        (Any, [None, 1, {}], []),
        (tuple[int, ...], [[1], 1], []),
    ],
)
def test_accepts(kind: Any, right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if not accepts(kind, value)] == []
    assert [value for value in wrong if accepts(kind, value)] == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Count, "a whole number of at least 1"),
        (Share | None, "a number from 0 to 1 or null"),
        (Positive, "a number above 0"),
        (Literal["tanh", "relu"], "one of tanh, relu"),
        (list[int], "a list, each item a whole number"),
        (tuple[int, str], "a list of 2: a whole number, a text"),
        (Node | None, "a mapping with _target_ or null"),
        (dict[str, int], "a mapping"),
        (Any, "a value"),
    ],
)
def test_describe(kind: Any, text: str) -> None:
    assert describe(kind) == text


def test_words_of() -> None:
    assert words_of(Literal["a", 3] | None) == ["a"]
    assert words_of(int | None) == []

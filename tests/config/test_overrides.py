import pytest
from omegaconf import OmegaConf

from seqtrain.config.overrides import (
    find_sweep_problems,
    find_value,
    lay_over,
    parse_overrides,
    without_sweeps,
)


def changed(argument: str) -> tuple[dict[str, object], list[str]]:
    cfg = OmegaConf.create({"model": {"size": 1}, "checkpoint": None})
    (override,) = parse_overrides([argument])[0]
    problems = lay_over(cfg, override)
    return OmegaConf.to_container(cfg), problems  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("argument", "tree"),
    [
        ("model.size=2", {"model": {"size": 2}, "checkpoint": None}),
        ("model.new=2", {"model": {"size": 1, "new": 2}, "checkpoint": None}),
        ("model={size: 2, a: b}", {"model": {"size": 2, "a": "b"}, "checkpoint": None}),
        ("~model.size", {"model": {}, "checkpoint": None}),
    ],
)
def test_a_changed_value(argument: str, tree: dict[str, object]) -> None:
    assert changed(argument) == (tree, [])


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("~model.siez", "model.siez: nothing to delete; did you mean ~model.size?"),
        ("~x", "x: nothing to delete"),
        ("model/size=2", "model/size: no such group"),
        ("checkpoint.path=2", "checkpoint.path: checkpoint is null, so that it has no keys"),
    ],
)
def test_a_refused_override_changes_nothing(argument: str, problem: str) -> None:
    assert changed(argument) == ({"model": {"size": 1}, "checkpoint": None}, [problem])


def test_arguments_that_cannot_be_read() -> None:
    overrides, problems = parse_overrides(["seed", "=3", "a=b,c)", "seed=1"])
    assert [each.key_or_group for each in overrides] == ["seed"]
    assert problems == [
        "seed: no value; write seed=VALUE",
        "=3: no key before the =",
        "a: b,c) cannot be read; quote a value with , : = [ ] { } ( or ) in it: a='...'",
    ]


def test_several_values_are_not_one_run() -> None:
    overrides, _ = parse_overrides(["seed=1,2", "members=1"])
    assert [each.key_or_group for each in without_sweeps(overrides)] == ["members"]
    assert find_sweep_problems(overrides) == [
        "seed: got several values, 1,2; add -m to run each, or write [1,2] for a list"
    ]


def test_a_value_is_found_as_it_is_written() -> None:
    cfg = OmegaConf.create({"a": {"b": "${c}", "d": None}})
    assert find_value(cfg, "a.b") == (True, "${c}")
    assert find_value(cfg, "a.d") == (True, None)
    assert find_value(cfg, "a.d.e") == (False, None)

from __future__ import annotations

from importlib import import_module

import pytest
from omegaconf import OmegaConf

from seqtrain.config.tree import (
    MOVED,
    UNKNOWN,
    apply_override,
    find_sweep_problems,
    parse_overrides,
    resolve_tree,
    with_new_names,
    without_sweeps,
)


def changed(argument: str) -> tuple[dict[str, object], list[str]]:
    cfg = OmegaConf.create({"model": {"size": 1}, "checkpoint": None})
    (override,) = parse_overrides([argument])[0]
    problems = apply_override(cfg, override)
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
        ("checkpoint.path=2", "checkpoint.path: checkpoint is null, so it has no keys"),
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


def test_values_borrowed_from_other_keys() -> None:
    resolved = resolve_tree(OmegaConf.create({"a": {"b": 2}, "c": ["${a.b}"], "d": "${a}"}))
    assert resolved.tree == {"a": {"b": 2}, "c": [2], "d": {"b": 2}}
    assert resolved.borrowed == {"c[0]", "d"}
    assert resolved.problems == []


def test_values_that_cannot_be_resolved() -> None:
    resolved = resolve_tree(OmegaConf.create({"a": "???", "b": "${none}", "c": "${c}", "d": "\\${x}"}))
    assert resolved.tree == dict.fromkeys("abcd", UNKNOWN)
    assert resolved.problems == [
        "a: has no value yet (???); give it one with a=VALUE",
        "b: ${none} names a key that does not exist",
        "c: ${c} cannot be resolved: Recursive interpolation detected",
        "d: got '${x}', expected a value without ${",
    ]


@pytest.mark.parametrize("path", MOVED.values())
def test_the_new_place_has_the_class(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert isinstance(getattr(import_module(module), name), type)


def test_a_moved_class_is_named_by_its_new_place() -> None:
    for old in ("seqtrain.task", "seqtrain.training", "seqtrain.training.task"):
        cfg = OmegaConf.create({"task": {"_target_": f"{old}.SequenceTagging", "monitor": "val/loss"}})
        assert resolve_tree(cfg).tree["task"] == {
            "_target_": "seqtrain.tasks.SequenceTagging",
            "monitor": "val/loss",
        }


def test_only_targets_are_renamed() -> None:
    cfg = OmegaConf.create({"name": "seqtrain.task.SequenceTagging"})
    assert resolve_tree(cfg).tree == {"name": "seqtrain.task.SequenceTagging"}


def test_a_plain_tree_is_renamed_at_any_depth() -> None:
    old = {"callbacks": {"warnings": {"_target_": "seqtrain.telemetry.HealthWarnings", "patience": 3}}}
    new = {"callbacks": {"warnings": {"_target_": "seqtrain.training.HealthWarnings", "patience": 3}}}
    assert with_new_names(old) == with_new_names(new) == new


def test_old_names_of_the_telemetry_build_the_same_callbacks(compose) -> None:
    old = compose(
        "callbacks.warnings._target_=seqtrain.telemetry.HealthWarnings",
        "logger.tensorboard._target_=seqtrain.telemetry.TensorBoard",
    )
    assert old == compose()

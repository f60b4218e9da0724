"""Configurations with keys deleted and values of odd types are accepted or refused; never a traceback."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from seqtrain.config import compose_config
from seqtrain.config.check import find_problems
from seqtrain.config.fit import find_warnings
from seqtrain.config.tree import Resolved, Tree

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 2**63, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf")]),
    st.sampled_from(
        ["", "auto", "\0", "\x1b[2J", "x" * 10_000, "torch.nn.LSTM", "os.system", "._", "val/loss"]
    ),
    st.sampled_from([[], {}, [None], {"a": {}}, {1: 2}, {"_target_": None}, {"_target_": "torch.nn.ReLU"}]),
)
BASES = ("task=digits", "task=pos", "task=pos model=bilstm head=crf", "data=mnist schedule=cosine model=gru")


@cache
def base(overrides: str) -> Tree:
    tree: Any = OmegaConf.to_container(compose_config(overrides.split()))
    return tree


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value below `value`."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [each for key, child in children for each in ((*path, key), *places(child, (*path, key)))]


def mutate(tree: Tree, data: st.DataObject) -> None:
    """Delete or replace one value anywhere in the tree."""
    found = places(tree)
    if not found:
        return
    *parents, key = data.draw(st.sampled_from(found))
    node: Any = tree
    for each in parents:
        node = node[each]
    if data.draw(st.booleans()):
        del node[key]
    else:
        node[key] = copy.deepcopy(data.draw(ODD))


@pytest.mark.parametrize("overrides", BASES)
@settings(
    max_examples=60,
    deadline=60_000,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
@given(data=st.data())
def test_a_mutated_tree_is_accepted_or_refused(overrides: str, data: st.DataObject) -> None:
    tree = copy.deepcopy(base(overrides))
    for _ in range(data.draw(st.integers(1, 6))):
        mutate(tree, data)
    problems = find_problems(Resolved(tree), ())
    assert all("\n" not in problem and ": " in problem for problem in problems)
    if not problems:
        assert all(isinstance(warning, str) for warning in find_warnings(tree))

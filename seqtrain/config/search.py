"""A search for good values: its settings and its space, checked before the first trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqtrain.config.compose import Composer
from seqtrain.config.overrides import parse_overrides
from seqtrain.config.problems import nearest, not_among, show
from seqtrain.config.sweep import Combinations, Job, check_jobs

CHOICES = {
    "storage": ("sqlite", "journal"),
    "sampler": ("tpe", "random"),
    "pruner": ("median", "hyperband", "none"),
}
AT_LEAST = {"trials": 1, "workers": 1, "startup_trials": 1, "seed": 0}
RANGE_KEYS = ("low", "high", "log", "step")


@dataclass(frozen=True)
class SearchSettings:
    """The settings of configs/search/optuna.yaml."""

    trials: int
    workers: int
    storage: str
    sampler: str
    pruner: str
    startup_trials: int
    seed: int
    space: dict[str, Any]


@dataclass(frozen=True)
class Search:
    """A checked search.

    Args:
        name: given with `sweep=NAME`.
        settings: see `SearchSettings`.
        overrides: of every trial, before the values that the trial draws.
        composer: of the trials.
        example: the first corner of the space, composed.
    """

    name: str | None
    settings: SearchSettings
    overrides: tuple[str, ...]
    composer: Composer
    example: Job

    def compose(self, values: Mapping[str, Any]) -> Job:
        """The run of a trial with these values, composed and checked.

        Raises:
            ConfigError: with all problems.
        """
        lines = {key: f"{key}={_write(value)}" for key, value in values.items()}
        parsed, _ = parse_overrides([*self.overrides, *lines.values()])
        composition = self.composer.compose(parsed)
        tree = OmegaConf.to_container(composition.config_in("."))
        assert isinstance(tree, dict)
        shown = {key: _shorten(value) for key, value in values.items()}
        return Job((*self.overrides, *lines.values()), shown, composition, tree)


def find_search(composer: Composer, overrides: Sequence[str]) -> DictConfig | None:
    """The node `search` that the command line asks for; None without one."""
    if not any(line.lstrip("+").partition("=")[0].partition(".")[0] == "search" for line in overrides):
        return None
    parsed, _ = parse_overrides([line for line in overrides if line.lstrip("+").startswith("search")])
    node = composer.compose(parsed).cfg.get("search")
    return node if isinstance(node, DictConfig) else None


def check_search(
    composer: Composer, node: DictConfig, overrides: Sequence[str], name: str | None
) -> tuple[Search | None, list[str], list[str]]:
    """The search, its problems and its warnings; every bound and choice of the space is checked as a run."""
    tree: Any = OmegaConf.to_container(node, resolve=True)
    if isinstance(tree.get("space"), dict):  # files and command line add keys; null takes one away
        tree["space"] = {key: values for key, values in tree["space"].items() if values is not None}
    problems = list(_find_problems(tree))
    if problems:
        return None, problems, []
    settings = SearchSettings(**tree)
    own = tuple(line for line in overrides if not line.lstrip("+").partition("=")[0].startswith("search"))
    checked = check_jobs(composer, Combinations(_corners(settings.space, own), [], []))
    if checked.problems:
        return None, [f"search.space: {problem}" for problem in checked.problems], []
    return Search(name, settings, own, composer, checked.jobs[0]), [], checked.warnings


def _find_problems(tree: dict[str, Any]) -> Iterator[str]:
    known = [field.name for field in fields(SearchSettings)]
    for key in tree:
        if key not in known:
            near = nearest(key, known)
            yield f"search.{key}: no such key; " + (f"did you mean {near}?" if near else f"there are {known}")
    for key in known:
        if key not in tree:
            yield f"search.{key}: missing; begin a file of your own with defaults: [optuna]"
    for key, least in AT_LEAST.items():
        value = tree.get(key, least)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            yield f"search.{key}: got {show(value)}, expected a whole number from {least}"
    for key, choices in CHOICES.items():
        if tree.get(key, choices[0]) not in choices:
            yield f"search.{key}: {not_among(tree[key], choices)}"
    space = tree.get("space", {"": []})
    if not isinstance(space, dict) or not space:
        yield f"search.space: got {show(space)}, expected keys with ranges or choices"
        return
    for key, values in space.items():
        yield from (f"search.space.{key}: {problem}" for problem in _find_range_problems(values))


def _find_range_problems(values: Any) -> Iterator[str]:
    if isinstance(values, list):
        if not values:
            yield "got no choices, expected at least one"
        return
    if not isinstance(values, dict) or not {"low", "high"} <= values.keys():
        yield f"got {show(values)}, expected {{low: A, high: B}} or a list of choices"
        return
    unknown = [key for key in values if key not in RANGE_KEYS]
    if unknown:
        yield f"got {', '.join(unknown)}, expected {', '.join(RANGE_KEYS)}"
    elif not all(_is_number(values[key]) for key in ("low", "high")) or values["low"] >= values["high"]:
        yield f"got {show(values)}, expected numbers with low below high"
    elif not isinstance(values.get("log", False), bool):
        yield f"log: got {show(values['log'])}, expected true or false"
    elif (problem := _find_step_problem(values)) is not None:
        yield problem
    elif values.get("log") and values["low"] <= 0:
        yield f"low={values['low']} has no logarithm; expected a number above 0"
    elif values.get("log") and values.get("step") is not None:
        yield "got log and step, which exclude each other; give log: false or step: null"


def _find_step_problem(values: Mapping[str, Any]) -> str | None:
    step = values.get("step")
    if step is None:
        return None
    if all(isinstance(values[key], int) for key in ("low", "high")):
        is_right, expected = (
            _is_number(step) and isinstance(step, int),
            "a whole number above 0, as the bounds are",
        )
    else:
        is_right, expected = _is_number(step), "a number above 0"
    return None if is_right and step > 0 else f"step: got {show(step)}, expected {expected}"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _corners(space: Mapping[str, Any], overrides: Sequence[str]) -> list[list[str]]:
    """Runs in which one key after the other has each of its bounds or choices, the others their first."""
    extremes = {key: v if isinstance(v, list) else [v["low"], v["high"]] for key, v in space.items()}
    first = {key: values[0] for key, values in extremes.items()}
    corners = [first, *({**first, key: value} for key, values in extremes.items() for value in values[1:])]
    return [[*overrides, *(f"{key}={_write(value)}" for key, value in corner.items())] for corner in corners]


def _write(value: Any) -> str:
    """A value as an override has it."""
    return show(value) if value is None or isinstance(value, bool) else str(value)


def _shorten(value: Any) -> str:
    """A value as the name of a folder has it."""
    return f"{value:.4g}" if isinstance(value, float) else _write(value)

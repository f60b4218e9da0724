"""The jobs of a sweep, and the settings and the space of a search, checked before the first of them runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from seqtrain.config.check import Node, check_keys
from seqtrain.config.compose import Composed, Composer
from seqtrain.config.fit import find_warnings
from seqtrain.config.schemas.schema import Count, Natural, Positive, Schema
from seqtrain.config.tree import Tree, find_sweep_problems, parse_overrides, without_sweeps
from seqtrain.errors import ConfigError, show

SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


@dataclass(frozen=True)
class Job:
    """One combination of a sweep's values, composed and checked.

    Args:
        overrides: of the command line, with one value for each axis.
        values: of the axes, by key.
        composed: the configuration, for whichever folder the job gets.
    """

    overrides: tuple[str, ...]
    values: dict[str, str]
    composed: Composed


@dataclass(frozen=True)
class Sweep:
    """Every combination of the values of some keys, or of none: then it has a single job.

    Args:
        name: given with `sweep=NAME`.
        jobs: all of them, in the order of Hydra's own sweeper.
        master: what Hydra composed for the sweep as a whole, its launcher included.
        loader: of the configuration files, for the launcher.
    """

    name: str | None
    jobs: tuple[Job, ...]
    master: DictConfig
    loader: ConfigLoader


@dataclass(frozen=True)
class SearchSettings:
    """The settings of configs/search/optuna.yaml."""

    trials: Count
    workers: Count
    storage: Literal["sqlite", "journal"]
    sampler: Literal["tpe", "random"]
    pruner: Literal["median", "hyperband", "none"]
    startup_trials: Count
    seed: Natural
    space: dict[str, Any]


SETTINGS = Schema("search", "search", get_type_hints(SearchSettings, include_extras=True), frozenset())
RANGE = Schema(
    "a range",
    "range",
    {"low": int | float, "high": int | float, "log": bool, "step": Count | Positive | None},
    frozenset(),
)


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
        lines = (*self.overrides, *_lines(values))
        composed = self.composer.compose(parse_overrides(lines)[0])
        if composed.problems:
            raise ConfigError(composed.problems)
        return Job(lines, {key: _shorten(value) for key, value in values.items()}, composed)


def check_sweep(
    composer: Composer, overrides: Sequence[Override], name: str | None
) -> tuple[Sweep, list[str], list[str]]:
    """The sweep, its problems and its warnings, from the composed and checked configurations of all jobs."""
    master = composer.compose_master(without_sweeps(overrides))
    values, axes, problems = _combine(composer, master, overrides)
    lines = [list(job) for job in itertools.product(*values)]
    jobs, found, warnings = _check_jobs(composer, lines, axes)
    return Sweep(name, jobs, master, composer.files.loader), [*problems, *found], warnings


def _combine(
    composer: Composer, master: DictConfig, overrides: Sequence[Override]
) -> tuple[list[list[str]], list[str], list[str]]:
    """The overrides of each key, the keys that have several, and what cannot be swept over."""
    params = [f"{key}={value}" for key, value in (master.hydra.sweeper.get("params") or {}).items()]
    swept, problems = parse_overrides(params, composer.files.loader)
    if master.hydra.sweeper._target_ != SWEEPER:
        problems.append(
            f"hydra/sweeper: got {master.hydra.sweeper._target_}, expected Hydra's own, which runs every "
            "combination; search=optuna draws values"
        )
    values: dict[str, list[str]] = {}
    axes: dict[str, bool] = {}
    for override in [*swept, *overrides]:
        key, line = override.get_key_element(), str(override.input_line)
        axes[key] = override.is_sweep_override()
        if not axes[key]:
            values[key] = [line]
        elif override.is_hydra_override():
            problems.append(f"{key}: got several values; Hydra's own settings take one")
        elif override.is_discrete_sweep():
            values[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        else:
            problems.append(f"{line}: a sweep takes no intervals; write {key}=1,2, or choose search=optuna")
    return list(values.values()), [key for key, has_several in axes.items() if has_several], problems


def _check_jobs(
    composer: Composer, jobs: Sequence[Sequence[str]], axes: Sequence[str] = ()
) -> tuple[tuple[Job, ...], list[str], list[str]]:
    """Every job, composed and checked; problems and warnings, each once, with the first job that has it."""
    done: list[Job] = []
    problems: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    for lines in jobs:
        overrides, unread = parse_overrides(lines)
        composed = composer.compose(overrides)
        found = [*unread, *composed.problems]
        for problem in dict.fromkeys(found):
            problems.setdefault(problem, []).append(" ".join(lines))
        for warning in [] if found else find_warnings(composed.tree):
            warnings.setdefault(warning, []).append(" ".join(lines))
        given = dict(line.split("=", 1) for line in lines if "=" in line)
        values = {key.lstrip("+"): given[key] for key in axes if key in given}
        done.append(Job(tuple(lines), values, composed))
    return tuple(done), _name_jobs(problems, len(jobs)), _name_jobs(warnings, len(jobs))


def _name_jobs(found: Mapping[str, Sequence[str]], num: int) -> list[str]:
    return [
        text if len(jobs) == num else f"{text} (in {len(jobs)} of {num} jobs, first in: {jobs[0]})"
        for text, jobs in found.items()
    ]


def find_search(composer: Composer, overrides: Sequence[Override]) -> Tree | None:
    """The node `search` that the command line asks for; None without one."""
    asked = [each for each in overrides if each.key_or_group.partition(".")[0] == "search"]
    node = composer.compose(asked).tree.get("search") if asked else None
    return node if isinstance(node, dict) else None


def check_search(
    composer: Composer, node: Tree, overrides: Sequence[Override], name: str | None
) -> tuple[Search | None, list[str], list[str]]:
    """The search, its problems and its warnings; every bound and choice of the space is checked as a run."""
    if isinstance(node.get("space"), dict):  # files and command line add keys; null removes one
        node["space"] = {key: values for key, values in node["space"].items() if values is not None}
    problems = [*find_sweep_problems(overrides), *_find_problems(node)]
    if problems:
        return None, problems, []
    settings = SearchSettings(**node)
    lines = [str(each.input_line) for each in overrides if each.key_or_group.partition(".")[0] != "search"]
    jobs, problems, warnings = _check_jobs(composer, _corners(settings.space, lines))
    search = Search(name, settings, tuple(lines), composer, jobs[0])
    return search, [f"search.space: {problem}" for problem in problems], warnings


def _find_problems(node: Tree) -> Iterator[str]:
    yield from check_keys(Node("search", "search", node), {"search": SETTINGS})
    for key in SETTINGS.kinds:
        if key not in node:
            yield f"search.{key}: missing; begin a file of your own with defaults: [optuna]"
    space = node.get("space")
    if space == {}:
        yield "search.space: got {}, expected keys with ranges or choices"
    for key, values in space.items() if isinstance(space, dict) else ():
        yield from _find_range_problems(f"search.space.{key}", values)


def _find_range_problems(path: str, values: Any) -> Iterator[str]:
    """What is wrong with a range or a list of choices; the bounds themselves are checked as runs."""
    if isinstance(values, list):
        if not values:
            yield f"{path}: got no choices, expected at least one"
        return
    if not isinstance(values, dict) or not {"low", "high"} <= values.keys():
        yield f"{path}: got {show(values)}, expected {{low: A, high: B}} or a list of choices"
    elif problems := list(check_keys(Node(path, "range", values), {path: RANGE})):
        yield from problems
    elif values["low"] >= values["high"]:
        yield f"{path}: got {show(values)}, expected numbers with low below high"
    elif values.get("log") and values["low"] <= 0:
        yield f"{path}: low={values['low']} has no logarithm; expected a number above 0"
    elif values.get("log") and values.get("step") is not None:
        yield f"{path}: got log and step, which exclude each other; give log: false or step: null"
    elif [type(values.get(key)) for key in ("low", "high", "step")] == [int, int, float]:
        yield f"{path}.step: got {values['step']}, expected a whole number, as the bounds are"


def _corners(space: Mapping[str, Any], overrides: Sequence[str]) -> list[list[str]]:
    """Runs in which one key after the other has each of its bounds or choices, the others their first."""
    extremes = {key: v if isinstance(v, list) else [v["low"], v["high"]] for key, v in space.items()}
    first = {key: values[0] for key, values in extremes.items()}
    corners = [first, *({**first, key: value} for key, values in extremes.items() for value in values[1:])]
    return [[*overrides, *_lines(corner)] for corner in corners]


def _lines(values: Mapping[str, Any]) -> list[str]:
    """Values as overrides."""
    return [f"{key}={_write(value)}" for key, value in values.items()]


def _write(value: Any) -> str:
    return show(value) if value is None or isinstance(value, bool) else str(value)


def _shorten(value: Any) -> str:
    """A value as the name of a folder has it."""
    return f"{value:.4g}" if isinstance(value, float) else _write(value)

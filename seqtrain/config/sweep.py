"""The jobs of a sweep: which there are, and whether each of them is right."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from seqtrain.config.compose import Composer, Composition
from seqtrain.config.fit import find_warnings
from seqtrain.config.overrides import parse_overrides
from seqtrain.config.resolve import Tree

JOBS_CHECKED = 200  # of a foreign sweeper before it starts; the others are checked when their turn comes
BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


@dataclass(frozen=True)
class Job:
    """One combination of a sweep's values, composed and checked.

    Args:
        overrides: of the command line, with one value for each axis.
        values: of the axes, by key.
        composition: to be resolved once more for the folder that the job gets.
        tree: the resolved configuration.
    """

    overrides: tuple[str, ...]
    values: dict[str, str]
    composition: Composition
    tree: Tree


@dataclass(frozen=True)
class Sweep:
    """Every combination of the values of some keys, or of none: then it has a single job.

    Args:
        name: given with `sweep=NAME`.
        jobs: all of them, in the order of Hydra's own sweeper.
        master: what Hydra composed for the sweep as a whole, its launcher included.
        loader: of the configuration files, for the launcher.
        arguments: in Hydra's own spelling.
        plugins: packages that the jobs may build classes from besides the built-in ones.
    """

    name: str | None
    jobs: tuple[Job, ...]
    master: DictConfig
    loader: ConfigLoader
    arguments: list[str]
    plugins: tuple[str, ...]


@dataclass(frozen=True)
class Combinations:
    """The overrides of each job, the keys that have several values, and what cannot be swept over."""

    jobs: list[list[str]]
    axes: list[str]
    problems: list[str]


def combine(composer: Composer, master: DictConfig, overrides: Sequence[Override]) -> Combinations:
    """All combinations, in the order of Hydra's own sweeper; of another sweeper the first ones."""
    params = [f"{key}={value}" for key, value in (master.hydra.sweeper.get("params") or {}).items()]
    swept, problems = parse_overrides(params, composer.files.loader)
    is_basic = str(master.hydra.sweeper._target_) == BASIC_SWEEPER
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
        elif is_basic:
            problems.append(f"{line}: intervals are for other sweepers; Hydra's own takes {key}=1,2")
        else:
            interval: Any = override.value()
            values[key] = [f"{key}={interval.start}", f"{key}={interval.end}"]
    limit = None if is_basic else JOBS_CHECKED
    jobs = [list(job) for job in itertools.islice(itertools.product(*values.values()), limit)]
    return Combinations(jobs, [key for key, has_several in axes.items() if has_several], problems)


@dataclass(frozen=True)
class CheckedJobs:
    """Jobs with their problems and warnings, each once, with the first job that has it where not all do."""

    jobs: tuple[Job, ...]
    problems: list[str]
    warnings: list[str]


def check_jobs(composer: Composer, combinations: Combinations) -> CheckedJobs:
    """Compose and check every job."""
    jobs: list[Job] = []
    problems: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    for lines in combinations.jobs:
        overrides, unread = parse_overrides(lines)
        composition = composer.compose(overrides)
        checked = composition.check()
        found = [*unread, *checked.problems]
        for problem in dict.fromkeys(found):
            problems.setdefault(problem, []).append(" ".join(lines))
        for warning in [] if found else find_warnings(checked.tree):
            warnings.setdefault(warning, []).append(" ".join(lines))
        given = dict(line.split("=", 1) for line in lines if "=" in line)
        values = {key.lstrip("+"): given[key] for key in combinations.axes if key in given}
        jobs.append(Job(tuple(lines), values, composition, checked.tree))
    num = len(jobs)
    return CheckedJobs(tuple(jobs), _name_jobs(problems, num), _name_jobs(warnings, num))


def _name_jobs(found: Mapping[str, Sequence[str]], num: int) -> list[str]:
    return [
        text if len(jobs) == num else f"{text} (in {len(jobs)} of {num} jobs, first in: {jobs[0]})"
        for text, jobs in found.items()
    ]

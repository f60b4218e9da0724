"""Check the arguments of `python -m seqtrain` before anything heavy is imported."""

from __future__ import annotations

import itertools
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig

from seqtrain.config.compose import Composer, Composition, plugins_among
from seqtrain.config.files import ConfigFiles
from seqtrain.config.fit import find_warnings
from seqtrain.config.overrides import find_sweep_problems, parse_overrides, without_sweeps
from seqtrain.config.problems import ConfigError

JOBS_CHECKED = 200  # of a sweep before it starts; the others are checked when their turn comes


@dataclass(frozen=True)
class SingleRun:
    """One run, composed and found to be right.

    Args:
        composition: to be resolved and checked once more for the folder that the run gets.
        is_folder_given: whether the command line sets `run_dir`.
    """

    composition: Composition
    is_folder_given: bool


@dataclass(frozen=True)
class HydraCall:
    """What is left to `hydra.main`: sweeps, and flags that only show something (--help, --cfg, --info, ...).

    Args:
        arguments: in Hydra's own spelling.
        plugins: packages that the jobs may build classes from besides the built-in ones.
    """

    arguments: list[str]
    plugins: tuple[str, ...] = ()


def check_command_line(argv: Sequence[str]) -> SingleRun | HydraCall:
    """What a command line asks for, once everything that it would run has been checked.

    Settings without effect are reported on standard error.

    Raises:
        ConfigError: with all problems of all runs.
    """
    flags = _parse(argv)
    if flags.help or flags.hydra_help or flags.cfg or flags.info or flags.shell_completion:
        return HydraCall(list(argv))
    files = ConfigFiles([flags.config_dir] if flags.config_dir else [])
    overrides, problems = parse_overrides(flags.overrides, files.loader)
    single = without_sweeps(overrides)
    composer = Composer(files, plugins_among(single))
    if flags.multirun or _asks_for_a_sweep(single):
        return _check_sweep(composer, overrides, problems, flags)
    composition = composer.compose(single)
    if composition.base.hydra.mode is RunMode.MULTIRUN:  # a file says so
        return _check_sweep(composer, overrides, problems, flags)
    checked = composition.check()
    problems += [*find_sweep_problems(overrides), *_find_idle_hydra_settings(single), *checked.problems]
    if problems:
        raise ConfigError(problems)
    _warn(find_warnings(checked.tree))
    return SingleRun(composition, any(each.key_or_group == "run_dir" for each in single))


def _asks_for_a_sweep(overrides: Sequence[Override]) -> bool:
    return any(str(each.input_line) == "hydra.mode=MULTIRUN" for each in overrides)


def _find_idle_hydra_settings(overrides: Sequence[Override]) -> list[str]:
    """Hydra's own settings that a single run would ignore, since only sweeps are left to Hydra."""
    keys = [each.get_key_element() for each in overrides if each.is_hydra_override()]
    elsewhere = {"hydra.mode", "hydra.searchpath"}
    return [f"{key}: Hydra's own settings are for sweeps; add -m" for key in keys if key not in elsewhere]


def _check_sweep(
    composer: Composer, overrides: Sequence[Override], problems: list[str], flags: Namespace
) -> HydraCall:
    master = composer.compose_master(without_sweeps(overrides))
    jobs, unswept = _sweep(composer, master, overrides)
    found, warnings = _check_jobs(composer, jobs)
    if problems := [*problems, *unswept, *found]:
        raise ConfigError(problems)
    _warn(warnings)
    multirun = ["--multirun"] if flags.multirun else []
    folder = ["--config-dir", flags.config_dir] if flags.config_dir else []
    arguments = [*multirun, *folder, *(composer.spell(each) for each in overrides)]
    return HydraCall(arguments, tuple(composer.plugins))


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        print(f"seqtrain: warning: {warning}", file=sys.stderr)


def _parse(argv: Sequence[str]) -> Namespace:
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise ConfigError([f"arguments: {message}"])

    parser.error = refuse  # type: ignore[method-assign]
    flags = parser.parse_intermixed_args(list(argv))
    for name in ("config_path", "config_name", "experimental_rerun"):
        if getattr(flags, name) is not None:
            flag = "--" + name.replace("_", "-")
            refuse(f"{flag} is not offered; --config-dir=FOLDER adds files of your own")
    if flags.run and flags.multirun:
        refuse("--run and --multirun exclude each other")
    return flags


def _sweep(
    composer: Composer, master: DictConfig, overrides: Sequence[Override]
) -> tuple[list[list[str]], list[str]]:
    """The overrides of each job, in the order of Hydra's own sweeper, and what it cannot sweep over."""
    params = [f"{key}={value}" for key, value in (master.hydra.sweeper.get("params") or {}).items()]
    swept, problems = parse_overrides(params, composer.files.loader)
    values: dict[str, list[str]] = {}
    for override in [*swept, *overrides]:
        key, line = override.get_key_element(), str(override.input_line)
        if not override.is_sweep_override():
            values[key] = [line]
        elif override.is_hydra_override():
            problems.append(f"{key}: got several values; Hydra's own settings take one")
        elif override.is_discrete_sweep():
            values[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        elif str(master.hydra.sweeper._target_).endswith(".BasicSweeper"):
            problems.append(f"{line}: intervals are for other sweepers; Hydra's own takes {key}=1,2")
        else:
            interval: Any = override.value()
            values[key] = [f"{key}={interval.start}", f"{key}={interval.end}"]
    jobs = itertools.islice(itertools.product(*values.values()), JOBS_CHECKED)
    return [list(job) for job in jobs], problems


def _check_jobs(composer: Composer, jobs: Sequence[Sequence[str]]) -> tuple[list[str], list[str]]:
    """Problems and warnings of all jobs, each once, with the first job that has it where not all do."""
    problems: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    for job in jobs:
        overrides, unread = parse_overrides(job)
        checked = composer.compose(overrides).check()
        found = [*unread, *checked.problems]
        for problem in dict.fromkeys(found):
            problems.setdefault(problem, []).append(" ".join(job))
        for warning in [] if found else find_warnings(checked.tree):
            warnings.setdefault(warning, []).append(" ".join(job))
    return _name_jobs(problems, len(jobs)), _name_jobs(warnings, len(jobs))


def _name_jobs(found: Mapping[str, Sequence[str]], count: int) -> list[str]:
    return [
        text if len(jobs) == count else f"{text} (in {len(jobs)} of {count} jobs, first in: {jobs[0]})"
        for text, jobs in found.items()
    ]

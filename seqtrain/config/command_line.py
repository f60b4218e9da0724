"""Check the arguments of `python -m seqtrain` before Hydra, and anything heavy, sees them."""

from __future__ import annotations

import itertools
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig

from seqtrain.config.compose import Composer
from seqtrain.config.files import ConfigFiles
from seqtrain.config.fit import find_warnings
from seqtrain.config.overrides import find_sweep_problems, parse_overrides, without_sweeps
from seqtrain.config.problems import ConfigError

JOBS_CHECKED = 200  # of a sweep before it starts; the others are checked when their turn comes


def check_command_line(argv: Sequence[str]) -> list[str]:
    """The arguments to hand to `hydra.main`, once every run that they ask for is known to be right.

    Arguments that only show something (--help, --cfg, --info, ...) come back as they are. Keys that the
    schemas know and no file lists get the `++` that Hydra wants for them. Settings without effect are
    told on standard error. Raises ConfigError with all problems.
    """
    flags = _parse(argv)
    if flags.help or flags.hydra_help or flags.cfg or flags.info or flags.shell_completion:
        return list(argv)
    composer = Composer(ConfigFiles([flags.config_dir] if flags.config_dir else []))
    overrides, problems = parse_overrides(flags.overrides, composer.files.loader)
    single = without_sweeps(overrides)
    master = composer.compose_master(single)
    if flags.multirun or master.hydra.mode is RunMode.MULTIRUN:
        jobs, unswept = _sweep(composer, master, overrides)
        problems += unswept
    else:
        jobs = [[str(each.input_line) for each in single]]
        problems += find_sweep_problems(overrides)
    found, warnings = _check_jobs(composer, jobs)
    problems += found
    if problems:
        raise ConfigError(problems)
    for warning in warnings:
        print(f"seqtrain: warning: {warning}", file=sys.stderr)
    multirun = ["--multirun"] if flags.multirun else []
    folder = ["--config-dir", flags.config_dir] if flags.config_dir else []
    return [*multirun, *folder, *(composer.spell(each) for each in overrides)]


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
        composed = composer.compose(overrides)
        found = [*unread, *composed.problems]
        for problem in dict.fromkeys(found):
            problems.setdefault(problem, []).append(" ".join(job))
        for warning in [] if found else find_warnings(composed.tree):
            warnings.setdefault(warning, []).append(" ".join(job))
    return _name_jobs(problems, len(jobs)), _name_jobs(warnings, len(jobs))


def _name_jobs(found: Mapping[str, Sequence[str]], count: int) -> list[str]:
    return [
        text if len(jobs) == count else f"{text} (in {len(jobs)} of {count} jobs, first in: {jobs[0]})"
        for text, jobs in found.items()
    ]

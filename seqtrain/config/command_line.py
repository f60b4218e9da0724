"""Check the arguments of `python -m seqtrain` before anything heavy is imported."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from hydra._internal.utils import get_args_parser  # in every 1.3, to which pyproject.toml keeps Hydra
from hydra.core.override_parser.types import Override
from hydra.types import RunMode

from seqtrain.config.compose import Composed, Composer, plugins_among
from seqtrain.config.files import ConfigFiles
from seqtrain.config.fit import find_warnings
from seqtrain.config.sweep import Search, Sweep, check_search, check_sweep, find_search
from seqtrain.config.tree import find_sweep_problems, parse_overrides, without_sweeps
from seqtrain.errors import ConfigError, printable_line

SWEEP = "sweep="  # names a sweep; no part of any run's configuration
NAME = re.compile(r"[\w.,=+-]+")


@dataclass(frozen=True)
class SingleRun:
    """One run, composed and checked.

    Args:
        composed: the configuration, for whichever folder the run gets.
        is_folder_given: whether the command line sets `run_dir`.
    """

    composed: Composed
    is_folder_given: bool


@dataclass(frozen=True)
class Display:
    """What Hydra shows in place of a run: its help, or the configuration.

    Args:
        arguments: for Hydra.
    """

    arguments: list[str]


def check_command_line(argv: Sequence[str]) -> SingleRun | Sweep | Search | Display:
    """What a command line asks for, once everything that it would run has been checked.

    Settings without effect are reported on standard error.

    Raises:
        ConfigError: with all problems of all runs.
    """
    flags = _parse(argv)
    if flags.help or flags.hydra_help or flags.cfg or flags.info or flags.shell_completion:
        return Display([argument for argument in argv if not argument.startswith(SWEEP)])
    files = ConfigFiles([flags.config_dir] if flags.config_dir else [])
    overrides, problems = parse_overrides(flags.overrides, files.loader)
    single = without_sweeps(overrides)
    composer = Composer(files, plugins_among(single))
    if flags.multirun:
        return _check_sweep(composer, overrides, problems, flags.sweep)
    composed = composer.compose(single)
    if composed.hydra.mode is RunMode.MULTIRUN:
        return _check_sweep(composer, overrides, problems, flags.sweep)
    if flags.sweep is not None:
        problems.append(f"sweep: got {flags.sweep!r} for a single run; add -m for a sweep")
    problems += [*find_sweep_problems(overrides), *_find_idle_hydra_settings(single), *composed.problems]
    if problems:
        raise ConfigError(problems)
    _warn(find_warnings(composed.tree))
    return SingleRun(composed, any(each.key_or_group == "run_dir" for each in single))


def _find_idle_hydra_settings(overrides: Sequence[Override]) -> list[str]:
    """Hydra's own settings that a single run would ignore, since only sweeps are left to Hydra."""
    keys = [each.get_key_element() for each in overrides if each.is_hydra_override()]
    elsewhere = {"hydra.mode", "hydra.searchpath"}
    return [f"{key}: Hydra's own settings are for sweeps; add -m" for key in keys if key not in elsewhere]


def _check_sweep(
    composer: Composer, overrides: Sequence[Override], problems: Sequence[str], name: str | None
) -> Sweep | Search:
    node = find_search(composer, overrides)
    sweep: Sweep | Search | None
    if node is None:
        sweep, found, warnings = check_sweep(composer, overrides, name)
    else:
        sweep, found, warnings = check_search(composer, node, overrides, name)
    if sweep is None or problems or found:
        raise ConfigError([*problems, *found])
    _warn(warnings)
    return sweep


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        print(printable_line(f"seqtrain: warning: {warning}"), file=sys.stderr)


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
    names = [each.removeprefix(SWEEP) for each in flags.overrides if each.startswith(SWEEP)]
    flags.overrides = [each for each in flags.overrides if not each.startswith(SWEEP)]
    flags.sweep = names[-1] if names else None
    if flags.sweep is not None and not NAME.fullmatch(flags.sweep):
        refuse(f"sweep: got {flags.sweep!r}, expected letters, digits and any of ._,=+-")
    return flags

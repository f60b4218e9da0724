"""Compose a configuration from the shipped files, a user's own folders and the command line.

Hydra stops at its first error. Here the choices of groups are checked first, Hydra composes the
files, the values are laid over them one by one, and the schemas judge what came out, so that all
problems are known at once.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from seqtrain.config.check import find_problems
from seqtrain.config.overrides import find_value, lay_over, parse_overrides, sweep_problem
from seqtrain.config.problems import ConfigError, first_line, nearest, not_among
from seqtrain.config.resolve import Tree, hydra_config_of, resolve_tree


def _find_config_dir() -> Path:
    package = Path(__file__).resolve().parents[1]
    in_wheel = package / "configs"
    return in_wheel if in_wheel.is_dir() else package.parent / "configs"


CONFIG_DIR = _find_config_dir()


def compose_config(
    overrides: Sequence[str] = (),
    config_dirs: Sequence[str | Path] = (),
    return_hydra_config: bool = False,
) -> DictConfig:
    """The checked configuration of one run, with every interpolation resolved.

    `config_dirs` are folders of the user's own, searched after the shipped one. Raises ConfigError with
    all problems.
    """
    composer = Composer(config_dirs)
    parsed, problems = parse_overrides(overrides)
    problems += [sweep_problem(each) for each in parsed if each.is_sweep_override()]
    composed = composer.compose([each for each in parsed if not each.is_sweep_override()])
    problems += composed.problems
    if problems:
        raise ConfigError(problems)
    cfg = OmegaConf.create(composed.tree)
    if return_hydra_config:
        cfg.hydra = composed.hydra
    return cfg


@dataclass(frozen=True)
class Composed:
    """A resolved configuration, Hydra's own node, and what is wrong."""

    tree: Tree
    hydra: DictConfig
    problems: list[str]


class Composer:
    """The shipped configuration files and those of some folders, ready to be composed."""

    def __init__(self, config_dirs: Sequence[str | Path] = ()) -> None:
        for folder in config_dirs:
            if not Path(folder).is_dir():
                raise ConfigError([f"--config-dir: there is no folder {folder}"])
        with initialize_config_dir(str(CONFIG_DIR), version_base="1.3", job_name="seqtrain"):
            self.loader = GlobalHydra.instance().config_loader()
        folders = [f"file://{Path(folder).resolve()}" for folder in config_dirs]
        quoted = [QuotedString(folder, Quote.single).with_quotes() for folder in folders]
        self._search = [f"hydra.searchpath=[{','.join(quoted)}]"] if folders else []
        self._choices: dict[str, list[str]] = {}
        self._bases: dict[tuple[str, ...], DictConfig] = {}  # what the files alone say, for the jobs so far

    @cached_property
    def groups(self) -> list[str]:
        """The groups that the root configuration chooses from."""
        defaults = OmegaConf.load(CONFIG_DIR / "config.yaml").defaults
        return [str(group) for entry in defaults if isinstance(entry, DictConfig) for group in entry]

    def choices(self, group: str) -> list[str]:
        """The files of a group; empty where there is no such group."""
        if group not in self._choices:
            self._choices[group] = sorted(
                self.loader.get_group_options(group, config_name="config", overrides=self._search)
            )
        return self._choices[group]

    def is_group(self, override: Override) -> bool:
        """Whether an override chooses a file, and is not one of a value or of Hydra's own."""
        key = override.key_or_group
        is_value = "." in key or isinstance(override.value(), dict) or override.is_hydra_override()
        return not is_value and bool(self.choices(key))

    def compose(self, overrides: Sequence[Override]) -> Composed:
        """One run, from overrides without sweeps. Raises ConfigError where Hydra composes nothing."""
        chosen, unresolved, problems = self._choose([each for each in overrides if self.is_group(each)])
        base = self._load([*chosen, *_of_hydra(overrides)])
        cfg = copy.deepcopy(_without_hydra(base))
        OmegaConf.set_struct(cfg, False)
        for override in overrides:
            if not override.is_hydra_override() and not self.is_group(override):
                problems += lay_over(cfg, override)
        with hydra_config_of(base):
            tree, found = resolve_tree(cfg)
        found += find_problems(tree, choices=base.hydra.runtime.choices)
        if unresolved:
            # Its part and what depends on it were composed from another choice, and not from what was meant.
            found = []
        return Composed(tree, base.hydra, problems + found)

    def compose_master(self, overrides: Sequence[Override]) -> DictConfig:
        """What the files say before a sweep, with Hydra's node."""
        chosen, _, _ = self._choose([each for each in overrides if self.is_group(each)])
        return self._load([*chosen, *_of_hydra(overrides)], RunMode.MULTIRUN)

    def spell(self, override: Override) -> str:
        """An override as Hydra accepts it: with + or ++ where the files lack its group or key."""
        key, line = override.key_or_group, str(override.input_line)
        if override.is_hydra_override() or override.is_delete() or override.package:
            return line
        if self.is_group(override):
            plus = "" if key in self.groups else "+"
        else:
            listed = all(find_value(base, key)[0] for base in self._bases.values())
            plus = "" if listed and not isinstance(override.value(), dict) else "++"
        return f"{plus}{key}={override.get_value_string()}"

    def _choose(self, overrides: Sequence[Override]) -> tuple[list[str], bool, list[str]]:
        """The choices as Hydra takes them, whether one is not to be made out, and the problems.

        An unknown choice is replaced by the nearest one, so that the other problems can be found too.
        """
        chosen, unresolved, problems = [], False, []
        for override in overrides:
            group, value = override.key_or_group, override.value()
            options = self.choices(group)
            wrong = [each for each in (value if isinstance(value, list) else [value]) if each not in options]
            if override.is_delete() or override.package or not wrong:
                chosen.append(self.spell(override))
                continue
            problems += [f"{group}: {not_among(each, options)}" for each in wrong]
            meant = nearest(str(wrong[0]), options)
            if meant:
                chosen.append(f"{group}={meant}")
            else:
                unresolved = True
        return chosen, unresolved, problems

    def _load(self, overrides: Sequence[str], run_mode: RunMode = RunMode.RUN) -> DictConfig:
        """What Hydra composes. Raises ConfigError with Hydra's own reason."""
        key = tuple(overrides)
        if run_mode is RunMode.RUN and key in self._bases:
            return self._bases[key]
        try:
            cfg = self.loader.load_configuration(
                "config", [*self._search, *overrides], run_mode=run_mode, from_shell=False
            )
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError, OSError) as error:
            raise ConfigError([_explain(error)]) from None
        if run_mode is RunMode.RUN:
            self._bases[key] = cfg
        return cfg


def _without_hydra(cfg: DictConfig) -> DictConfig:
    keys: list[Any] = [key for key in cfg if key != "hydra"]
    return OmegaConf.masked_copy(cfg, keys)


def _of_hydra(overrides: Sequence[Override]) -> list[str]:
    return [str(each.input_line) for each in overrides if each.is_hydra_override()]


def _explain(error: Exception) -> str:
    """One line for an error of Hydra, OmegaConf or YAML, with the file where there is one."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        reason = getattr(error, "problem", None) or "cannot be read"
        return f"{mark.name}: line {mark.line + 1}, column {mark.column + 1}: {reason}"
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}: {not_among(name, sorted(error.options))}"
    cause = f" {first_line(error.__cause__)}" if error.__cause__ else ""
    return first_line(error) + cause

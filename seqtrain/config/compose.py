"""Compose and check a configuration.

Hydra stops at its first error. Here the choices of groups are checked first, Hydra composes the
files, the values are laid over them one by one, and the schemas judge what came out, so that all
problems are known at once.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from seqtrain.config.check import find_problems, plugins_of
from seqtrain.config.files import ConfigFiles
from seqtrain.config.hydra_node import find_foreign_code
from seqtrain.config.overrides import (
    find_sweep_problems,
    find_value,
    lay_over,
    parse_overrides,
    without_sweeps,
)
from seqtrain.config.problems import ConfigError, nearest, not_among
from seqtrain.config.resolve import Tree, hydra_config_of, resolve_tree


def compose_config(
    overrides: Sequence[str] = (),
    config_dirs: Sequence[str | Path] = (),
    return_hydra_config: bool = False,
) -> DictConfig:
    """The checked configuration of one run, with every interpolation resolved.

    `config_dirs` are folders of the user's own, searched after the shipped one. Raises ConfigError with
    all problems.
    """
    parsed, problems = parse_overrides(overrides)
    composed = Composer(ConfigFiles(config_dirs)).compose(without_sweeps(parsed))
    problems += find_sweep_problems(parsed) + composed.problems
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
    """Composes runs from the same files, whose composition is kept from run to run."""

    def __init__(self, files: ConfigFiles) -> None:
        self.files = files
        self._bases: dict[tuple[str, ...], DictConfig] = {}  # what the files alone say, by choices

    def compose(self, overrides: Sequence[Override]) -> Composed:
        """One run, from overrides without sweeps. Raises ConfigError where Hydra composes nothing."""
        chosen, is_known, problems = self._choose(overrides)
        key = (*chosen, *_of_hydra(overrides))
        if key not in self._bases:
            self._bases[key] = self.files.load(key)
        base = self._bases[key]
        cfg = _without_hydra(base)
        for override in overrides:
            if override.key_or_group == "hydra.searchpath":
                problems.append("hydra.searchpath: not set here; --config-dir=FOLDER adds files of your own")
            elif not override.is_hydra_override() and not self._is_group(override):
                problems += lay_over(cfg, override)
        with hydra_config_of(base):
            resolved = resolve_tree(cfg)
        problems += find_foreign_code(base.hydra, plugins_of(resolved.tree))
        if is_known:  # else this is another configuration than the one that was meant
            problems += find_problems(resolved, choices=base.hydra.runtime.choices)
        return Composed(resolved.tree, base.hydra, problems)

    def compose_master(self, overrides: Sequence[Override]) -> DictConfig:
        """What the files say before a sweep, with Hydra's node."""
        return self.files.load([*self._choose(overrides)[0], *_of_hydra(overrides)], RunMode.MULTIRUN)

    def spell(self, override: Override) -> str:
        """An override as Hydra accepts it: with + or ++ where the files lack its group or key."""
        key, line = override.key_or_group, str(override.input_line)
        if override.is_hydra_override() or override.is_delete() or override.package:
            return line
        if self._is_group(override):
            plus = "" if key in self.files.groups else "+"
        else:
            listed = all(find_value(base, key)[0] for base in self._bases.values())
            plus = "" if listed and not isinstance(override.value(), dict) else "++"
        return f"{plus}{key}={override.get_value_string()}"

    def _is_group(self, override: Override) -> bool:
        """Whether an override chooses a file, and is not one of a value or of Hydra's own."""
        key = override.key_or_group
        is_value = "." in key or isinstance(override.value(), dict) or override.is_hydra_override()
        return not is_value and bool(self.files.choices(key))

    def _choose(self, overrides: Sequence[Override]) -> tuple[list[str], bool, list[str]]:
        """The choices of groups as Hydra takes them, whether all are known, and the problems.

        An unknown choice is replaced by the nearest one, so that the other problems can be found too.
        """
        chosen, is_known, problems = [], True, []
        for override in filter(self._is_group, overrides):
            group, value = override.key_or_group, override.value()
            options = self.files.choices(group)
            wrong = [each for each in (value if isinstance(value, list) else [value]) if each not in options]
            if override.is_delete() or override.package or not wrong:
                chosen.append(self.spell(override))
                continue
            problems += [f"{group}: {not_among(each, options)}" for each in wrong]
            meant = nearest(str(wrong[0]), options)
            is_known = is_known and meant is not None
            chosen += [f"{group}={meant}"] if meant else []
        return chosen, is_known, problems


def _without_hydra(cfg: DictConfig) -> DictConfig:
    """A copy to change, open to new keys."""
    keys: list[Any] = [key for key in cfg if key != "hydra"]
    mine = copy.deepcopy(OmegaConf.masked_copy(cfg, keys))
    OmegaConf.set_struct(mine, False)
    return mine


def _of_hydra(overrides: Sequence[Override]) -> list[str]:
    own = [each for each in overrides if each.is_hydra_override() and each.key_or_group != "hydra.searchpath"]
    return [str(each.input_line) for each in own]

"""Compose a configuration once, then resolve and check it for the folder that it runs in.

Hydra stops at its first error. Here the choices of groups are checked first, Hydra composes the files, the
overrides of single values are applied one by one, and the schemas check the result, so that all problems are
reported together.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from seqtrain.config.check import find_problems
from seqtrain.config.files import ConfigFiles, find_foreign_code
from seqtrain.config.fit import files_with_key
from seqtrain.config.schemas.schema import SCHEMAS
from seqtrain.config.tree import (
    Resolved,
    Tree,
    apply_override,
    find_sweep_problems,
    hydra_config_of,
    keys_set_by,
    parse_overrides,
    resolve_tree,
    without_hydra,
    without_sweeps,
)
from seqtrain.errors import ConfigError, nearest, not_among
from seqtrain.foreign import read_yaml
from seqtrain.shipped import CONFIG_DIR

RUN_DIR = "\0run_dir\0"  # stands for the run folder; no path contains a null character


def compose_config(overrides: Sequence[str] = (), config_dirs: Sequence[str | Path] = ()) -> DictConfig:
    """The checked configuration of one run, with every interpolation resolved.

    Args:
        overrides: as on the command line. Packages whose classes may be built are taken from `plugins=[...]`
            here, never from a file.
        config_dirs: the user's own folders of configuration files, searched after the shipped one.

    Raises:
        ConfigError: with all problems.
    """
    parsed, problems = parse_overrides(overrides)
    single = without_sweeps(parsed)
    composed = Composer(ConfigFiles(config_dirs), plugins_among(single)).compose(single)
    problems += [*find_sweep_problems(parsed), *composed.problems]
    if problems:
        raise ConfigError(problems)
    return OmegaConf.create(composed.tree)


def plugins_among(overrides: Sequence[Override]) -> tuple[str, ...]:
    """The packages that `plugins=[...]` names, which its user trusts to build classes from."""
    values = [each.value() for each in overrides if each.key_or_group == "plugins" and not each.is_delete()]
    names = values[-1] if values and isinstance(values[-1], list) else []
    return tuple(name for name in names if isinstance(name, str))


@dataclass(frozen=True)
class Composed:
    """The resolved and checked configuration of one run.

    Args:
        tree: for the run folder that the configuration itself names.
        problems: everything that is wrong with it, each as "path: problem".
        template: the same tree as it was resolved, with `RUN_DIR` for the run folder.
        hydra: Hydra's own node.
    """

    tree: Tree
    problems: tuple[str, ...]
    template: Tree
    hydra: DictConfig

    @property
    def choices(self) -> dict[str, Any]:
        """The file chosen in each group."""
        return dict(self.hydra.runtime.choices)

    def tree_in(self, run_dir: str | Path) -> Tree:
        """The configuration of this run in another folder; nothing is resolved or checked again."""
        tree: Tree = _with_run_dir(self.tree, self.template, str(run_dir))
        return tree


def _resolve(cfg: DictConfig, base: DictConfig) -> tuple[Resolved, Tree]:
    """The tree of `cfg`, whose `${hydra:...}` refers to `base`, and its template."""
    run_dir = None
    with hydra_config_of(base):
        with suppress(OmegaConfBaseException):  # reported as a problem when the tree is resolved
            run_dir = cfg.run_dir
        if isinstance(run_dir, str):
            cfg.run_dir = RUN_DIR
        resolved = resolve_tree(cfg)
    template = resolved.tree
    if isinstance(run_dir, str):
        resolved.tree = _with_run_dir(template, template, run_dir)
    return resolved, template


def _with_run_dir(value: Any, template: Any, run_dir: str) -> Any:
    """`value`, with `run_dir` in every text in which `template` has `RUN_DIR`."""
    if isinstance(template, str) and RUN_DIR in template:
        return template.replace(RUN_DIR, run_dir)
    if isinstance(value, dict):
        return {key: _with_run_dir(child, template.get(key), run_dir) for key, child in value.items()}
    if isinstance(value, list):
        return [_with_run_dir(child, other, run_dir) for child, other in zip(value, template, strict=True)]
    return value


class Composer:
    """Composes runs from the same files, and caches what depends on the files alone.

    Args:
        files: the shipped files and the user's.
        plugins: packages that classes may be built from besides the built-in ones.
    """

    def __init__(self, files: ConfigFiles, plugins: Collection[str]) -> None:
        self.files = files
        self.plugins = plugins
        self._bases: dict[tuple[str, ...], DictConfig] = {}  # by the choices of groups

    def compose(self, overrides: Sequence[Override]) -> Composed:
        """One run, from overrides without sweeps; resolved and checked in the folder that it names itself.

        Raises:
            ConfigError: Hydra cannot compose at all.
        """
        chosen, is_certain, problems = self._choose(overrides)
        base = self._load((*chosen, *_hydra_settings(overrides)))
        cfg = without_hydra(base)
        for override in overrides:
            if override.key_or_group == "hydra.searchpath":
                problems.append("hydra.searchpath: not set here; --config-dir=FOLDER adds files of your own")
            elif not override.is_hydra_override() and not self._is_group(override):
                problems += apply_override(cfg, override)
        resolved, template = _resolve(cfg, base)
        problems += [*find_foreign_code(base.hydra, self.plugins)]
        if is_certain:
            choices = dict(base.hydra.runtime.choices)
            problems += find_problems(resolved, self.plugins, choices, overridden=keys_set_by(overrides))
        return Composed(resolved.tree, tuple(problems), template, base.hydra)

    def _load(self, overrides: tuple[str, ...]) -> DictConfig:
        if overrides not in self._bases:
            base = self.files.load(overrides)
            self._set_task_and_data(base, overrides)
            self._keep_own_model(base)
            self._bases[overrides] = base
        return self._bases[overrides]

    def _set_task_and_data(self, base: DictConfig, chosen: Sequence[str]) -> None:
        """For the run folder's path, name the task, and the data too where they are not the task's own."""
        choices = base.hydra.runtime.choices
        task, data = choices.get("task"), choices.get("data")
        is_own = task is None or not any(each.startswith(("data=", "experiment=")) for each in chosen)
        is_own = is_own or data == self._load((f"task={task}",)).hydra.runtime.choices.data
        with flag_override(base, ["struct", "readonly"], False):
            choices.task_and_data = task if is_own else f"{task}-{data}"

    def _keep_own_model(self, base: DictConfig) -> None:
        """Keep a model of the user's own as in its file: what a task sets is meant for the built-in ones."""
        choices, model = base.hydra.runtime.choices, base.get("model")
        file = CONFIG_DIR / "task" / f"{choices.get('task')}.yaml"
        if not isinstance(model, DictConfig) or str(model.get("_target_")) in SCHEMAS or not file.is_file():
            return
        set_by_task = read_yaml(file).get("model") or {}
        own = self.files.load([f"model={choices.model}"]).model if set_by_task else {}
        with flag_override(model, ["struct", "readonly"], False):
            for key in [key for key, value in set_by_task.items() if model.get(key) == value]:
                del model[key]
                if key in own:
                    model[key] = own[key]

    def compose_master(self, overrides: Sequence[Override]) -> DictConfig:
        """The composed configuration of a sweep as a whole, including Hydra's own node."""
        return self.files.load([*self._choose(overrides)[0], *_hydra_settings(overrides)], RunMode.MULTIRUN)

    def _is_group(self, override: Override) -> bool:
        """Whether an override chooses a file, rather than a value or one of Hydra's own settings."""
        key = override.key_or_group
        is_value = "." in key or isinstance(override.value(), dict) or override.is_hydra_override()
        return not is_value and bool(self.files.choices(key))

    def _choose(self, overrides: Sequence[Override]) -> tuple[list[str], bool, list[str]]:
        """The choices of groups as Hydra expects them, whether what each means is clear, and the problems.

        An unknown choice is replaced by the nearest one, so that the other problems can be found too.
        """
        chosen, is_certain, problems = [], True, []
        for override in filter(self._is_group, overrides):
            group, value = override.key_or_group, override.value()
            options = self.files.choices(group)
            wrong = [each for each in (value if isinstance(value, list) else [value]) if each not in options]
            if override.is_delete() or override.package:
                chosen.append(str(override.input_line))
            elif not wrong:
                plus = "" if group in self.files.groups else "+"
                chosen.append(f"{plus}{group}={override.get_value_string()}")
            else:
                problems += [
                    f"{group}: {not_among(each, options)}{_explain_path(group, each)}" for each in wrong
                ]
                meant = nearest(str(wrong[0]), options)
                is_certain = is_certain and meant is not None
                chosen += [f"{group}={meant}"] if meant else []
        return chosen, is_certain, problems


def _explain_path(group: str, value: object) -> str:
    """A hint for a choice that looks like the path of a file."""
    if group != "data" or not isinstance(value, str) or not re.search(r"[./\\]", value):
        return ""
    return f"; a file of your own is data.path={value}, with data={files_with_key('data', 'path')}"


def _hydra_settings(overrides: Sequence[Override]) -> list[str]:
    own = [each for each in overrides if each.is_hydra_override() and each.key_or_group != "hydra.searchpath"]
    return [str(each.input_line) for each in own]

"""Compose a configuration from the shipped files, a user's own folders and the command line.

Hydra stops at its first error. Here the choices of groups are checked first, Hydra composes the
files, the values are laid over them one by one, and the schemas judge what came out, so that all
problems are known at once.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException, MissingConfigException
from hydra.types import RunMode
from omegaconf import AnyNode, DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from seqtrain.config.check import find_problems
from seqtrain.config.overrides import parse_overrides, sweep_problem
from seqtrain.config.problems import ConfigError, nearest, not_among


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
    cfg, more = composer.compose([each for each in parsed if not each.is_sweep_override()])
    problems += more
    if problems:
        raise ConfigError(problems)
    with hydra_config_of(cfg), open_dict(cfg):
        hydra = cfg.pop("hydra")
        OmegaConf.resolve(cfg)
        if return_hydra_config:
            cfg.hydra = hydra
    return cfg


@contextmanager
def hydra_config_of(cfg: DictConfig) -> Iterator[None]:
    """Make `${hydra:...}` mean this configuration."""
    instance = HydraConfig.instance()
    before = instance.cfg
    instance.set_config(cfg)
    try:
        yield
    finally:
        instance.cfg = before


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
        self.search = [f"hydra.searchpath=[{','.join(quoted)}]"] if folders else []
        self.bases: dict[tuple[str, ...], DictConfig] = {}  # what _load gave for a run

    @cached_property
    def groups(self) -> list[str]:
        """The groups that the root configuration chooses from."""
        defaults = OmegaConf.load(CONFIG_DIR / "config.yaml").defaults
        return [str(group) for entry in defaults if isinstance(entry, DictConfig) for group in entry]

    def choices(self, group: str) -> list[str]:
        """The files of a group; empty where there is no such group."""
        options: list[str] = self.loader.get_group_options(group, config_name="config", overrides=self.search)
        return sorted(options)

    def is_group(self, override: Override) -> bool:
        return (
            not override.is_hydra_override()
            and not isinstance(override.value(), dict)
            and "." not in override.key_or_group
            and bool(self.choices(override.key_or_group))
        )

    def compose(self, overrides: Sequence[Override]) -> tuple[DictConfig, list[str]]:
        """The configuration, with Hydra's node, and its problems. Raises ConfigError where none comes out."""
        base, unresolved, problems = self._load_base(overrides, RunMode.RUN)
        cfg = copy.deepcopy(base)
        OmegaConf.set_struct(cfg, False)
        for override in overrides:
            if not override.is_hydra_override() and not self.is_group(override):
                problems += _lay_over(cfg, override)
        with hydra_config_of(cfg):
            found = find_problems(cfg)
        return cfg, problems + [each for each in found if _root_of(each) not in unresolved]

    def compose_base(self, overrides: Sequence[Override]) -> DictConfig:
        """What the files alone say, with Hydra's node, before a sweep."""
        return self._load_base(overrides, RunMode.MULTIRUN)[0]

    def spell(self, override: Override) -> str:
        """An override as Hydra accepts it: with + or ++ where the files lack its group or key."""
        key, line = override.key_or_group, str(override.input_line)
        if override.is_hydra_override() or override.is_delete() or override.package:
            return line
        if self.is_group(override):
            plus = "" if key in self.groups else "+"
        else:
            listed = all(find_value(base, key)[0] for base in self.bases.values())
            plus = "" if listed and not isinstance(override.value(), dict) else "++"
        return f"{plus}{key}={override.get_value_string()}"

    def _load_base(
        self, overrides: Sequence[Override], run_mode: RunMode
    ) -> tuple[DictConfig, set[str], list[str]]:
        chosen, unresolved, problems = self._choose([each for each in overrides if self.is_group(each)])
        hydra = [str(each.input_line) for each in overrides if each.is_hydra_override()]
        return self._load((*chosen, *hydra), run_mode), unresolved, problems

    def _load(self, overrides: tuple[str, ...], run_mode: RunMode) -> DictConfig:
        """What Hydra composes. Raises ConfigError with Hydra's own reason."""
        if run_mode is RunMode.RUN and overrides in self.bases:
            return self.bases[overrides]
        try:
            cfg = self.loader.load_configuration(
                "config", [*self.search, *overrides], run_mode=run_mode, from_shell=False
            )
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError, OSError) as error:
            raise ConfigError([_explain(error)]) from None
        if run_mode is RunMode.RUN:
            self.bases[overrides] = cfg
        return cfg

    def _choose(self, overrides: Sequence[Override]) -> tuple[list[str], set[str], list[str]]:
        """The overrides of groups as Hydra takes them, groups whose choice is unknown, and the problems.

        An unknown choice is replaced by the nearest one, so that the other problems can be found too.
        """
        chosen, unresolved, problems = [], set(), []
        for override in overrides:
            group, value = override.key_or_group, override.value()
            if override.is_delete() or override.package:
                chosen.append(str(override.input_line))
                continue
            options = self.choices(group)
            wanted = value if isinstance(value, list) else [value]
            wrong = [each for each in wanted if each not in options]
            if not wrong:
                chosen.append(self.spell(override))
                continue
            problems += [f"{group}: {not_among(each, options)}" for each in wrong]
            meant = nearest(str(wrong[0]), options)
            if meant:
                chosen.append(f"{group}={meant}")
            else:
                unresolved.add(group)
        return chosen, unresolved, problems


def find_value(cfg: DictConfig, path: str) -> tuple[bool, Any]:
    """Whether there is such a key, and its value; interpolations stay as they are."""
    node: Any = cfg
    for key in path.split("."):
        if not isinstance(node, DictConfig) or key not in tuple(node):
            return False, None
        node = node._get_node(key)
        if isinstance(node, DictConfig) and node._is_none():
            node = None
    return True, node


def _root_of(problem: str) -> str:
    return problem.partition(":")[0].partition(".")[0]


def _lay_over(cfg: DictConfig, override: Override) -> list[str]:
    """Change one value of `cfg` in place, whether or not the files have its key; return the problems."""
    key = override.key_or_group
    if "/" in key or override.package:
        return [f"{key}: no such group"]
    try:
        if override.is_delete():
            return _delete(cfg, key)
        parent = key.rpartition(".")[0]
        if parent and _is_empty(cfg, parent):
            return [f"{key}: {parent} is null, so that it has no keys"]
        OmegaConf.update(cfg, key, override.value(), merge=True, force_add=True)
    except (OmegaConfBaseException, ValueError, TypeError, AttributeError, AssertionError) as error:
        return [f"{key}: {_first_line(error)}"]
    return []


def _is_empty(cfg: DictConfig, path: str) -> bool:
    exists, value = find_value(cfg, path)
    empty = value is None or (isinstance(value, DictConfig) and not value)
    return exists and (empty or (isinstance(value, AnyNode) and value._is_none()))


def _delete(cfg: DictConfig, key: str) -> list[str]:
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    if not isinstance(node, DictConfig) or name not in node:
        present = [str(each) for each in node] if isinstance(node, DictConfig) else []
        meant = nearest(name, present)
        place = f"{parent}." if parent else ""
        return [f"{key}: nothing to delete" + (f"; did you mean ~{place}{meant}?" if meant else "")]
    del node[name]
    return []


def _explain(error: Exception) -> str:
    """One line for an error of Hydra, OmegaConf or YAML, with the file where there is one."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        reason = getattr(error, "problem", None) or "cannot be read"
        return f"{mark.name}: line {mark.line + 1}, column {mark.column + 1}: {reason}"
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}: {not_among(name, sorted(error.options))}"
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    lines: list[Any] = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__

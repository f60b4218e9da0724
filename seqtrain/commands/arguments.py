"""The `key=value` arguments of evaluate and predict, and the run folder that they name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from omegaconf import DictConfig, OmegaConf

from seqtrain.config import ConfigError, check_config
from seqtrain.config.problems import nearest
from seqtrain.config.resolve import resolve_tree
from seqtrain.runs.folder import RunFolder


class Arguments(dict[str, str]):
    """What was given, by key."""

    def check_choice(self, key: str, choices: Sequence[str]) -> None:
        """Refuse a value that is none of `choices`."""
        if key in self and self[key] not in choices:
            raise ConfigError([f"{key}: got {self[key]!r}, expected one of {', '.join(choices)}"])


def parse_arguments(
    arguments: Sequence[str], usage: str, required: Sequence[str], optional: Sequence[str]
) -> Arguments | None:
    """Read `key=value` arguments.

    Returns:
        The arguments; None after `--help`, which prints `usage`.

    Raises:
        ConfigError: an argument that is no `key=value`, an unknown key, a key twice, or one missing.
    """
    if any(argument in ("--help", "-h") for argument in arguments):
        print(usage, end="")
        return None
    known = [*required, *optional]
    given, problems = Arguments(), []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            problems.append(f"{argument}: expected key=value, with a key of {', '.join(known)}")
        elif key not in known:
            near = nearest(key, known)
            hint = f"did you mean {near}?" if near else f"known are {', '.join(known)}"
            problems.append(f"{key}: no such argument; {hint}")
        elif key in given:
            problems.append(f"{key}: given twice")
        else:
            given[key] = value
    problems += [f"{key}: missing; give {key}=..." for key in required if key not in given]
    if problems:
        raise ConfigError(problems)
    return given


def load_run(given: Arguments) -> tuple[DictConfig, Path]:
    """The checked configuration of a run folder, and the checkpoint to use.

    The folder may come from somebody else: packages that its own configuration calls plugins are trusted only
    where the command line names them too.

    Raises:
        ConfigError: the folder is no run folder, lacks the checkpoint, or its configuration is refused.
    """
    folder = RunFolder(given["run_dir"])
    if not folder.is_begun:
        raise ConfigError(
            [f"run_dir: {folder.path} is not a run folder: it has no config.yaml; give a folder of runs/"]
        )
    checkpoint = Path(given["checkpoint"]) if "checkpoint" in given else folder.best_checkpoint
    if not checkpoint.is_file():
        raise ConfigError([f"checkpoint: {checkpoint} does not exist; train first, or give checkpoint=FILE"])
    try:
        cfg = OmegaConf.load(folder.config_file)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError([f"{folder.config_file}: cannot be read: {error}"]) from None
    if not isinstance(cfg, DictConfig):
        raise ConfigError([f"{folder.config_file}: expected keys and values, found a list"])
    check_config(cfg, trusted_plugins=_names(given.get("plugins", "")))
    cfg = OmegaConf.create(resolve_tree(cfg).tree)
    if "data_dir" in given:
        _move_data(cfg.data, given["data_dir"])
    return cfg, checkpoint


def _move_data(data: DictConfig, folder: str) -> None:
    key = "data_dir" if data.get("path") is None else "path"  # the one that training looked in
    if key not in data:
        raise ConfigError(["data_dir: the data of this run lies in no folder; leave it out"])
    data[key] = folder


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.strip("[]").split(",") if name.strip()]

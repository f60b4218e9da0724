"""Find run folders and read what a report needs of them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from seqtrain.config import ConfigError
from seqtrain.config.saved import read_bounded_text
from seqtrain.config.tree import with_new_names
from seqtrain.runs.folder import RunFolder
from seqtrain.runs.identity import flat, without_paths

# libyaml's loader is ten times as fast; PyYAML has it wherever it was built with libyaml.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Run:
    """One run: `config` by dotted key and without its places, and how far it got.

    `state` is "done", "running", "failed" (with the `reason`) or "unfinished".
    """

    path: Path
    config: dict[str, Any]
    metrics: dict[str, float]
    state: str
    reason: str = ""

    @property
    def seed(self) -> Any:
        return self.config.get("seed")


@dataclass(frozen=True)
class Collection:
    """The runs of some folders, and a line for each folder that could not be read."""

    runs: tuple[Run, ...]
    problems: tuple[str, ...]


def collect_runs(folders: Sequence[Path]) -> Collection:
    """The runs in and below `folders`, each once, in the order of their paths.

    Raises:
        ConfigError: one of the folders does not exist.
    """
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        raise ConfigError([f"{folder}: no such folder; give folders that hold runs" for folder in missing])
    runs, problems = [], []
    for path in sorted({path for folder in folders for path in find_run_folders(folder)}):
        try:
            runs.append(read_run(path))
        except (OSError, ValueError, KeyError, TypeError, RecursionError, yaml.YAMLError) as error:
            problems.append(f"{path}: left out, it cannot be read: {type(error).__name__}: {error}")
    return Collection(tuple(runs), tuple(problems))


def find_run_folders(folder: Path) -> Iterator[Path]:
    """Folders with a config.yaml; nothing is looked for inside of them."""
    for path, subfolders, files in os.walk(folder):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        if "config.yaml" in files:
            subfolders.clear()
            yield Path(path)


def read_run(path: Path) -> Run:
    folder = RunFolder(path)
    text = read_bounded_text(folder.config_file, Loader)  # the folder may come from an untrusted source
    config = flat(without_paths(with_new_names(yaml.load(text, Loader))))
    if folder.is_done:
        return Run(path, config, _read_metrics(folder.metrics_file), "done")
    if folder.is_locked_elsewhere():
        return Run(path, config, {}, "running")
    failure = folder.failure
    return Run(path, config, {}, "failed" if failure else "unfinished", failure)


def _read_metrics(path: Path) -> dict[str, float]:
    if not path.is_file():
        raise ValueError(f"{path.name} is not a regular file")
    metrics = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(metrics, dict) or not all(
        value is None or type(value) in (int, float) for value in metrics.values()
    ):
        raise ValueError(f"{path.name} holds more than numbers by name")
    # null was not finite, and other programs write NaN, which is not JSON.
    return {name: value for name, value in metrics.items() if value is not None and math.isfinite(value)}

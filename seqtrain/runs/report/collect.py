"""Find run folders and read what a report needs of them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seqtrain.config import ConfigError
from seqtrain.config.saved import read_plain_yaml
from seqtrain.config.tree import with_new_names
from seqtrain.errors import InputError
from seqtrain.runs.curves import Curve, read_curves
from seqtrain.runs.folder import RunFolder, flat

RUN_DIR, DATA_DIR = "RUN_DIR", "DATA_DIR"  # in place of folders: where they are does not change a run


@dataclass(frozen=True, repr=False, eq=False)
class Run:
    """One run: `config` by dotted key without its paths, and how far it got.

    `metrics` are those of metrics.json, empty until the run is done. `state` is "done", "running", "failed"
    (with the `reason`) or "unfinished". A run is accepted wherever a run folder is.
    """

    path: Path
    config: dict[str, Any]
    metrics: dict[str, float]
    state: str
    reason: str = ""

    @property
    def seed(self) -> Any:
        return self.config.get("seed")

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """What was logged during the training, by its name in TensorBoard, as it was when first asked for.

        What was measured on the validation data has the name of its chart, as in `validation/h_n/...`.

        Raises:
            seqtrain.errors.DataError: a log is damaged.
        """
        return {_name_curve(curve): curve for curve in read_curves(self.path)}

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        monitor = str(self.config.get("task.monitor"))
        names = [name for name in (monitor, monitor.replace("val/", "test/")) if name in self.metrics]
        shown = [f"{name} {self.metrics[name]:.4f}" for name in names]
        return f"Run({', '.join([str(self.path), self.state, *shown])})"


def _name_curve(curve: Curve) -> str:
    is_named = curve.split == "train" or curve.tag.startswith("val/")
    return curve.tag if is_named else f"validation/{curve.tag}"


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
    return read_runs(sorted({path for folder in folders for path in find_run_folders(folder)}))


def read_runs(paths: Iterable[Path]) -> Collection:
    """The runs in these folders, as far as they can be read."""
    runs, problems = [], []
    for path in paths:
        try:
            runs.append(read_run(path))
        except InputError as error:
            problems += [f"left out: {problem}" for problem in getattr(error, "problems", [error])]
        except Exception as error:  # of one folder, which must not cost the others their report
            problems.append(f"left out: {path}: {type(error).__name__}: {error}")
    return Collection(tuple(runs), tuple(problems))


def find_run_folders(folder: Path) -> Iterator[Path]:
    """Folders with a config.yaml, which are not searched themselves."""
    for path, subfolders, files in os.walk(folder):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        if "config.yaml" in files:
            subfolders.clear()
            yield Path(path)


def without_paths(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with its run folder and its data folder, and paths below them, replaced by words."""
    folders = {str(config["run_dir"]): RUN_DIR, str(config["data_dir"]): DATA_DIR}

    def replaced(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {key: replaced(value) for key, value in node.items()}
        if isinstance(node, str):
            for folder, word in folders.items():
                if node == folder or node.startswith(f"{folder}/"):
                    return f"{word}{node[len(folder) :]}"
        return node

    return {str(key): replaced(value) for key, value in config.items()}


def content_key(config: Mapping[str, Any]) -> str:
    """Four hexadecimal digits of the content; equal configurations in different folders have equal keys."""
    text = json.dumps(without_paths(config), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:4]


def read_run(path: Path) -> Run:
    """The run in a folder.

    Raises:
        InputError: its configuration or its metrics cannot be read.
    """
    folder = RunFolder(path)
    tree = with_new_names(read_plain_yaml(folder.config_file))
    if missing := {"run_dir", "data_dir"} - tree.keys():
        raise ConfigError([f"{folder.config_file}: is not the configuration of a run: no {min(missing)}"])
    config = flat(without_paths(tree))
    if folder.is_done:
        return Run(path, config, folder.load_metrics(), "done")
    if folder.is_locked_elsewhere():
        return Run(path, config, {}, "running")
    failure = folder.failure
    return Run(path, config, {}, "failed" if failure else "unfinished", failure)

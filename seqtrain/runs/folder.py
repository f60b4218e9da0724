"""The run folder: whether a run is new, half done or done, and what it keeps."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf

from seqtrain.config import ConfigError
from seqtrain.config.resolve import resolve_tree
from seqtrain.runs.files import write_text


class RunFolder:
    """One run's folder; what lies in it says how far the run is.

    Without `config.yaml` nothing has begun; with it the run is half done; `metrics.json`, written last and in
    one move, means that it is done.

    Args:
        path: of the folder; it need not exist.
        leads: whether this process writes it; of several that train together, one does.
    """

    def __init__(self, path: str | Path, leads: bool = True) -> None:
        self.path = Path(path)
        self.leads = leads
        self.config_file = self.path / "config.yaml"
        self.metrics_file = self.path / "metrics.json"
        self.environment_file = self.path / "environment.json"
        self.confusions_file = self.path / "confusions.csv"
        self.log_file = self.path / "train.log"
        self.best_checkpoint = self.path / "checkpoints" / "best.ckpt"
        self.last_checkpoint = self.path / "checkpoints" / "last.ckpt"
        self._made: list[Path] = []  # folders that this process made for it, the innermost first

    @property
    def is_begun(self) -> bool:
        return self.config_file.exists()

    @property
    def is_done(self) -> bool:
        return self.metrics_file.exists()

    def can_resume(self, cfg: DictConfig) -> bool:
        """Whether this folder holds the unfinished run of the same configuration, and nobody runs it now."""
        return self.is_begun and not self.is_done and self.differences(cfg) == [] and not self._is_locked()

    def differences(self, cfg: DictConfig) -> list[str]:
        """The dotted keys in which the configuration of this folder differs from `cfg` run here."""
        here = cfg.copy()
        here.run_dir = str(self.path)
        theirs = resolved(cast(DictConfig, OmegaConf.load(self.config_file)))
        mine, theirs = _flat(resolved(here)), _flat(theirs)
        return sorted(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder, so that the same command started twice makes two runs; released by any death.

        Raises:
            ConfigError: another process holds it, or it cannot be made.
        """
        if not self.leads:
            yield
            return
        if not self.path.is_dir():
            self.make()
        lock = FileLock(self._lock_file)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ConfigError([f"run_dir: {self.path} is being written by another process"]) from None
        try:
            yield
        finally:
            lock.release()
            self._lock_file.unlink(missing_ok=True)

    def make(self) -> None:
        """Make the folder and those above it.

        Raises:
            FileExistsError: it exists already.
            ConfigError: it cannot be made.
        """
        missing = [path for path in self.path.parents if not path.exists()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir()
        except OSError as error:
            if self.path.exists():
                raise
            raise ConfigError([f"run_dir: {self.path} cannot be made: {error.strerror}"]) from None
        self._made = [self.path, *missing]

    def discard_if_empty(self) -> None:
        """Remove what `make` made, if nothing lies in it: a refused run leaves no trace."""
        for path in self._made:
            try:
                path.rmdir()
            except OSError:
                return

    def write_config(self, cfg: DictConfig) -> None:
        """Keep the configuration, resolved: enough to run it again."""
        write_text(self.config_file, OmegaConf.to_yaml(OmegaConf.create(resolved(cfg))))

    def write_environment(self, environment: dict[str, str]) -> None:
        """Keep where and with what the run takes place."""
        write_text(self.environment_file, json.dumps(environment, indent=2) + "\n")

    def write_confusions(self, names: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        """Keep how often a position of each target (row) was given each target (column)."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["target", *names])
        table.writerows([name, *row] for name, row in zip(names, counts, strict=True))
        write_text(self.confusions_file, text.getvalue())

    def write_metrics(self, metrics: dict[str, float]) -> None:
        """Keep the metrics, which says that the run is done."""
        write_text(self.metrics_file, json.dumps(metrics, indent=2) + "\n")

    @property
    def _lock_file(self) -> Path:
        return self.path / ".lock"

    def _is_locked(self) -> bool:
        if not self._lock_file.exists():
            return False
        try:
            with FileLock(self._lock_file, timeout=0):
                return False
        except Timeout:
            return True


def choose_run_folder(cfg: DictConfig, is_given: bool) -> RunFolder:
    """The folder of this command's unfinished run, if there is one, else a new one.

    Args:
        cfg: the composed configuration, its `run_dir` the folder given or the one for a new run.
        is_given: whether `run_dir` was given on the command line.

    Raises:
        ConfigError: the folder that was given is done, or holds something else.
    """
    folder = RunFolder(cfg.run_dir)
    if is_given:
        _refuse_foreign_folder(folder, cfg)
        return folder
    if cfg.checkpoint is None:
        for sibling in sorted(folder.path.parent.glob("*/config.yaml"), reverse=True):
            earlier = RunFolder(sibling.parent)
            if earlier.can_resume(cfg):
                return earlier
    return _new_folder(folder.path)


def _refuse_foreign_folder(folder: RunFolder, cfg: DictConfig) -> None:
    if folder.is_done:
        problem = "holds a finished run; give another folder, or evaluate this one with `seqtrain evaluate`"
    elif folder.is_begun:
        keys = folder.differences(cfg)
        if not keys:
            return
        problem = (
            f"holds an unfinished run of another configuration (it differs in {', '.join(keys)}); "
            "repeat its command to resume it, or give another folder"
        )
    elif folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        problem = "exists and is not a run folder; give another one"
    else:
        return
    raise ConfigError([f"run_dir: {folder.path} {problem}"])


def _new_folder(path: Path) -> RunFolder:
    """Make the folder, with a number behind its name where another run began in the same second."""
    folder, number = RunFolder(path), 1
    while True:
        try:
            folder.make()
        except FileExistsError:
            number += 1
            folder = RunFolder(path.with_name(f"{path.name}_{number}"))
        else:
            return folder


def resolved(cfg: DictConfig) -> dict[str, Any]:
    """The configuration as plain values, without Hydra's own node."""
    return {str(key): value for key, value in resolve_tree(cfg).tree.items()}


def _flat(node: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(node, dict) or not node:
        return {path: node}
    flat: dict[str, Any] = {}
    for key, value in node.items():
        flat |= _flat(value, f"{path}.{key}" if path else str(key))
    return flat

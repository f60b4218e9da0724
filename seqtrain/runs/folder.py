"""The run folder: whether a run is new, half done or done, and what it keeps."""

from __future__ import annotations

import csv
import io
import json
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf

from seqtrain.config import ConfigError
from seqtrain.config.resolve import resolve_tree
from seqtrain.runs.files import write_text
from seqtrain.runs.identity import flat


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
        self.failure_file = self.path / "failure.txt"
        self._made: list[Path] = []  # folders that this process made for it, the innermost first
        self._lock = FileLock(self.path / ".lock")

    @property
    def is_begun(self) -> bool:
        return self.config_file.exists()

    @property
    def is_done(self) -> bool:
        return self.metrics_file.exists()

    def can_resume(self, cfg: DictConfig) -> bool:
        """Whether this folder holds the unfinished run of the same configuration, and nobody runs it now."""
        is_unfinished = self.is_begun and not self.is_done
        return is_unfinished and self.differences(cfg) == [] and not self.is_held_elsewhere()

    def differences(self, cfg: DictConfig) -> list[str]:
        """The dotted keys in which the configuration of this folder differs from `cfg` run here."""
        here = cfg.copy()
        here.run_dir = str(self.path)
        theirs = resolved(cast(DictConfig, OmegaConf.load(self.config_file)))
        mine, theirs = flat(resolved(here)), flat(theirs)
        return sorted(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from running in this folder; may be nested.

        The operating system releases the lock when the process ends, however it ends. The lock file of an
        unfinished run stays: if it were removed, two processes could each lock a file of this name.

        Raises:
            ConfigError: another process holds the folder, or it cannot be made.
        """
        if not self.leads:
            yield
            return
        if not self.path.is_dir():
            self.make()
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ConfigError([f"run_dir: {self.path} is being written by another process"]) from None
        try:
            yield
        finally:
            is_outermost = self._lock.lock_counter == 1
            if is_outermost and (self.is_done or not self.is_begun):
                Path(self._lock.lock_file).unlink(missing_ok=True)
            self._lock.release()

    def is_held_elsewhere(self) -> bool:
        """Whether another process runs in this folder now."""
        if self._lock.is_locked or not Path(self._lock.lock_file).exists():
            return False
        try:
            with self._lock.acquire(timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # a folder that may only be read
            return False

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
        """Keep the configuration, resolved: enough to run it again; this begins an attempt."""
        self.failure_file.unlink(missing_ok=True)
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
    def failure(self) -> str:
        """The last line of the error that ended the last attempt; empty where none did."""
        if self.is_done or not self.failure_file.exists():
            return ""
        lines = self.failure_file.read_text(encoding="utf-8").strip().splitlines()
        return lines[-1] if lines else "unknown error"

    def write_failure(self, error: BaseException) -> None:
        """Keep the traceback of the error that ended this attempt."""
        write_text(self.failure_file, "".join(traceback.format_exception(error)))


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

"""The run folder: whether a run is new, unfinished or done, and the files that it keeps."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf

from seqtrain.config.saved import read_plain_yaml
from seqtrain.config.tree import with_new_names
from seqtrain.errors import ConfigError, DataError
from seqtrain.foreign import is_regular, read_json
from seqtrain.runs.files import exists, refuse_strange_files, write_text

# What a folder may hold without config.yaml if the process that made it was killed.
LEFT_BY_A_KILL = {".lock", "config.yaml.partial", "train.log"}

# Environment variable that tells the processes that a run starts for more devices which folder is theirs.
RUN_DIR = "SEQTRAIN_RUN_DIR"


MAX_METRIC = 1e100  # beyond it sums of squares overflow
MAX_REASON = 1 << 16  # bytes of the end of failure.txt, where the reason is

# Another process that looks for a run to resume holds the lock for an instant.
LOOK_SECONDS = 0.2


class FolderInUseError(ConfigError):
    """Another process runs in the folder."""


def for_json(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Metrics with None for what is not finite, which JSON cannot represent."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


class RunFolder:
    """The folder of one run; its files tell how far the run is.

    Without `config.yaml` the run has not begun; with it, it is unfinished; `metrics.json`, which is written
    last and atomically, means that it is done.

    Args:
        path: of the folder; it need not exist.
        leads: whether this process writes the folder; of several that train together, one does.
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
        return exists(self.config_file)

    @property
    def is_done(self) -> bool:
        return exists(self.metrics_file)

    @property
    def begun_at(self) -> float:
        """When the latest attempt began, in seconds of the file system's clock; 0.0 without one."""
        try:
            return self.config_file.stat().st_mtime
        except OSError:
            return 0.0

    def load_config(self) -> dict[str, Any]:
        """The configuration that the folder keeps, unchecked.

        Raises:
            ConfigError: the file cannot be read, or holds something else.
        """
        return read_plain_yaml(self.config_file)

    def differences(self, config: Mapping[str, Any]) -> list[str]:
        """The dotted keys in which the configuration of this folder differs from another one for it.

        Where `parameters` is given, hidden_size follows from it: only a run that has begun has it.

        Raises:
            ConfigError: see `load_config`.
        """
        mine, theirs = flat(plain(config)), flat(with_new_names(plain(self.load_config())))
        differing = {key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)}
        return sorted(differing - ({"model.hidden_size"} if mine.get("parameters") else set()))

    def refuse_other_run(self, config: Mapping[str, Any]) -> None:
        """Refuse a folder that holds anything but the unfinished run of this configuration, or nothing.

        Raises:
            ConfigError: the folder holds something else.
        """
        if self.is_done:
            hint = f"give another folder, or evaluate this one with `seqtrain evaluate {self.path}`"
            raise ConfigError([f"run_dir: {self.path} holds a finished run; {hint}"])
        if self.is_begun:
            if keys := ", ".join(self.differences(config)):
                raise ConfigError(
                    [
                        f"run_dir: {self.path} holds an unfinished run of another configuration (it differs "
                        f"in {keys}); repeat its command to resume it, or give another folder"
                    ]
                )
        elif exists(self.path) and not self._is_left_by_a_kill():
            raise ConfigError([f"run_dir: {self.path} exists and is not a run folder; give another one"])

    def _is_left_by_a_kill(self) -> bool:
        return self.path.is_dir() and {path.name for path in self.path.iterdir()} <= LEFT_BY_A_KILL

    @contextmanager
    def locked(self, config: Mapping[str, Any] | None = None) -> Iterator[None]:
        """Keep other processes from running in this folder; a nested call does nothing.

        The operating system releases the lock when the process ends, however it ends. The lock file of an
        unfinished run stays: if it were removed, two processes could each lock a file of this name.

        Args:
            config: of the run to continue here; the folder's content is checked again once it is locked,
                since another process may have finished the run in the meantime.

        Raises:
            FolderInUseError: another process has locked the folder.
            ConfigError: it cannot be written, or it holds another run.
        """
        if not self.leads or self._lock.is_locked:
            yield
            return
        self._acquire()
        try:
            if config is not None:
                self.refuse_other_run(config)
            yield
        finally:
            if self.is_done or not self.is_begun:
                Path(self._lock.lock_file).unlink(missing_ok=True)
            self._lock.release()

    def _acquire(self) -> None:
        if not self.path.is_dir():
            with suppress(FileExistsError):  # another process has just made it
                self.make()
        refuse_strange_files(self.path)
        try:
            self._lock.acquire(timeout=LOOK_SECONDS)
        except Timeout:
            raise FolderInUseError([f"run_dir: {self.path} is being written by another process"]) from None
        except OSError as error:
            raise ConfigError(
                [f"run_dir: {self._lock.lock_file} cannot be locked: {error.strerror}"]
            ) from None

    @contextmanager
    def published(self) -> Iterator[None]:
        """Let the processes that this one starts for more devices find the folder of their run."""
        before = os.environ.get(RUN_DIR)
        os.environ[RUN_DIR] = str(self.path)
        try:
            yield
        finally:
            if before is None:
                del os.environ[RUN_DIR]
            else:
                os.environ[RUN_DIR] = before

    def is_locked_elsewhere(self) -> bool:
        """Whether another process runs in this folder now."""
        if self._lock.is_locked or not is_regular(Path(self._lock.lock_file)):
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
        missing = [path for path in self.path.parents if not exists(path)]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir()
        except OSError as error:
            if exists(self.path):
                raise
            raise ConfigError([f"run_dir: {self.path} cannot be made: {error.strerror}"]) from None
        self._made = [self.path, *missing]

    def discard_if_empty(self) -> None:
        """Remove what `make` made, if it is still empty: a refused run leaves no trace."""
        for path in self._made:
            try:
                path.rmdir()
            except OSError:
                return

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Keep the configuration, resolved: enough to run it again; this begins an attempt."""
        self.failure_file.unlink(missing_ok=True)
        write_text(self.config_file, OmegaConf.to_yaml(plain(config)))

    def write_environment(self, environment: dict[str, str]) -> None:
        """Keep the machine and the versions of the run."""
        write_text(self.environment_file, json.dumps(environment, indent=2) + "\n")

    def write_confusions(self, names: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        """Keep how often a position of each target (row) was given each target (column)."""
        rows = [[name, *row] for name, row in zip(names, counts, strict=True)]
        self.write_table(self.confusions_file.stem, [["target", *names], *rows])

    def write_table(self, name: str, rows: Sequence[Sequence[object]]) -> None:
        """Keep a table as NAME.csv."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        write_text(self.path / f"{name}.csv", text.getvalue())

    def write_metrics(self, metrics: Mapping[str, float]) -> None:
        """Write the metrics, which marks the run as done."""
        write_text(self.metrics_file, json.dumps(for_json(metrics), indent=2, allow_nan=False) + "\n")

    def load_metrics(self) -> dict[str, float]:
        """What `write_metrics` wrote, without what was not finite.

        Raises:
            DataError: the file cannot be read, or holds something else.
        """
        metrics = read_json(self.metrics_file, follow=False)
        if not isinstance(metrics, dict) or not all(
            value is None or type(value) in (int, float) for value in metrics.values()
        ):
            raise DataError("expected a number for each name, and nothing else", self.metrics_file)
        # null was not finite, and other programs write NaN, which is not JSON.
        return {
            name: value for name, value in metrics.items() if value is not None and abs(value) < MAX_METRIC
        }

    @property
    def failure(self) -> str:
        """The last line of the error that ended the last attempt; empty where none did."""
        if self.is_done or not is_regular(self.failure_file):
            return ""
        with self.failure_file.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MAX_REASON))
            lines = file.read(MAX_REASON).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "unknown error"

    def write_failure(self, error: BaseException) -> None:
        """Keep the traceback of the error that ended this attempt, unless it cannot be written."""
        with suppress(OSError):  # the error itself matters more, and may be that the disk is full
            write_text(self.failure_file, "".join(traceback.format_exception(error)))


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as dicts, lists and values, without Hydra's own node."""
    return {str(key): _plain(value) for key, value in config.items() if key != "hydra"}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value


def flat(node: Any, path: str = "") -> dict[str, Any]:
    """The leaves of a tree by dotted key; lists and empty mappings are leaves."""
    if not isinstance(node, dict) or not node:
        return {path: node}
    leaves: dict[str, Any] = {}
    for key, value in node.items():
        leaves |= flat(value, f"{path}.{key}" if path else str(key))
    return leaves

"""Find the run folder that a user asks for: by its path, or as the newest finished run."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from omegaconf import DictConfig

from seqtrain.config import ConfigError
from seqtrain.config.saved import read_saved_config
from seqtrain.runs.files import exists
from seqtrain.runs.folder import RunFolder

RUNS = Path("runs")
LATEST = "latest"


def find_run_folder(text: str) -> RunFolder:
    """The run folder that `text` names.

    Args:
        text: the path of a run folder; or `latest`, the run under runs/ that finished last; or
            `latest:pos/bilstm`, the one under runs/pos/bilstm that finished last. `./latest` is a path.

    Raises:
        ConfigError: the path is not a run folder, or no run has finished.
    """
    name, colon, group = text.partition(":")
    if name == LATEST and (group or not colon):
        return _find_latest(group)
    folder = RunFolder(text)
    if not folder.is_begun:
        raise ConfigError([f"run_dir: {text} is not a run folder: {_explain(folder.path)}"])
    return folder


def _find_latest(group: str) -> RunFolder:
    if Path(group).is_absolute() or ".." in Path(group).parts:
        raise ConfigError(
            [f"run_dir: got {LATEST}:{group}, expected {LATEST}:TASK/MODEL, a folder of {RUNS}/"]
        )
    finished = list(_finished_runs(RUNS / group))
    if not finished:
        others = sorted({_group_of(folder.path) for folder in _finished_runs(RUNS)})
        hint = (
            f"there are {', '.join(others)}"
            if others
            else "train one first, or give the path of a run folder"
        )
        raise ConfigError([f"run_dir: there is no finished run under {RUNS / group}; {hint}"])
    return max(finished, key=_finish_time)


def _finished_runs(folder: Path) -> Iterator[RunFolder]:
    runs = (RunFolder(path.parent) for path in folder.rglob("metrics.json"))
    return (run for run in runs if run.is_begun)


def _finish_time(run: RunFolder) -> tuple[int, str]:
    return run.metrics_file.stat().st_mtime_ns, str(run.path)


def _group_of(path: Path) -> str:
    return path.relative_to(RUNS).parent.as_posix()


def _explain(path: Path) -> str:
    """Why `path` is not a run folder, and what to do about it."""
    if not exists(path):
        return "it does not exist; give a folder of runs/, or run_dir=latest"
    if not path.is_dir():
        return "it is a file; give the folder that holds config.yaml"
    inside = sorted(file.parent.name for file in path.glob("*/config.yaml"))
    if inside:
        return f"it holds {len(inside)} of them; give one, such as {path / inside[-1]}"
    return "it has no config.yaml; give a folder of runs/, or run_dir=latest"


def read_config(folder: RunFolder, trusted_plugins: Collection[str] = ()) -> DictConfig:
    """The checked configuration of a run folder, as far as evaluating the run needs it.

    The folder may come from an untrusted source: see `read_saved_config`.

    Args:
        folder: of the run.
        trusted_plugins: packages whose classes the configuration may name; those that it lists itself are
            not trusted.

    Raises:
        ConfigError: the configuration cannot be read, or is refused.
    """
    return read_saved_config(folder.config_file, trusted_plugins)


def choose_checkpoint(folder: RunFolder, given: str | Path | None = None) -> Path:
    """The best checkpoint of a run, or the one that is given.

    Raises:
        ConfigError: there is no such file.
    """
    checkpoint = folder.best_checkpoint if given is None else Path(given)
    if not checkpoint.is_file():
        raise ConfigError([f"checkpoint: {checkpoint} does not exist; train first, or give checkpoint=FILE"])
    return checkpoint

"""Find the run folder that a user asks for, and choose the one for a training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from seqtrain.errors import ConfigError
from seqtrain.foreign import is_regular
from seqtrain.runs.files import exists, refuse_strange_files
from seqtrain.runs.folder import FolderInUseError, RunFolder

RUNS = Path("runs")
LATEST = "latest"


def find_run_folder(text: str) -> RunFolder:
    """The run folder that `text` names.

    Args:
        text: the path of a run folder; or `latest`, the run under runs/ that finished last; or
            `latest:pos/bilstm`, the one under runs/pos/bilstm that finished last, or in any other folder that
            is named so. `./latest` is a path.

    Raises:
        ConfigError: the path is not a run folder, or no run has finished.
    """
    name, colon, group = text.partition(":")
    is_latest = name == LATEST and (group or not colon)
    folder = _find_latest(group) if is_latest else RunFolder(text)
    if not folder.is_begun:
        raise ConfigError([f"run_dir: {text} is not a run folder: {_explain(folder.path)}"])
    refuse_strange_files(folder.path)
    return folder


def _find_latest(group: str) -> RunFolder:
    below = RUNS / group
    is_elsewhere = group and not below.is_dir() and Path(group).is_dir()
    folder = Path(group) if is_elsewhere else below
    finished = list(_finished_runs(folder))
    if not finished:
        others = sorted({_group_of(folder.path) for folder in _finished_runs(RUNS)})
        hint = (
            f"there are {', '.join(others)}"
            if others
            else "train one first, or give the path of a run folder"
        )
        raise ConfigError([f"run_dir: there is no finished run under {folder}; {hint}"])
    return max(finished, key=_finish_time)


def _finished_runs(folder: Path) -> Iterator[RunFolder]:
    runs = (RunFolder(path.parent) for path in folder.rglob("metrics.json") if is_regular(path))
    return (run for run in runs if run.is_begun)


def _finish_time(run: RunFolder) -> tuple[int, str]:
    return run.metrics_file.stat().st_mtime_ns, str(run.path)


def _group_of(path: Path) -> str:
    folder, below = path.relative_to(RUNS), path.relative_to(RUNS).parent
    return (folder if below == Path() else below).as_posix()


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


def choose_checkpoint(folder: RunFolder, given: str | Path | None = None) -> Path:
    """The best checkpoint of a run, or the one that is given.

    Raises:
        ConfigError: there is no such file.
    """
    checkpoint = folder.best_checkpoint if given is None else Path(given)
    if not checkpoint.is_file():
        raise ConfigError([f"checkpoint: {checkpoint} does not exist; train first, or give checkpoint=FILE"])
    return checkpoint


ConfigIn: TypeAlias = Callable[[Path], Mapping[str, Any]]

log = logging.getLogger("seqtrain")


@contextmanager
def chosen_folder(run_dir: Path, config_in: ConfigIn, is_given: bool) -> Iterator[RunFolder]:
    """The folder of `choose_run_folder`, locked as soon as it is chosen.

    Another process may choose the same unfinished run in the same instant, and lock or even finish it first.
    Then another one is chosen, unless the folder was given. If nothing is written to a new folder, it is
    removed at the end.

    Raises:
        ConfigError: see `choose_run_folder` and `RunFolder.locked`.
    """
    folder = choose_run_folder(run_dir, config_in, is_given)
    with ExitStack() as stack:
        stack.callback(lambda: folder.discard_if_empty())  # the last choice
        while True:
            try:
                stack.enter_context(folder.locked(config_in(folder.path)))
                break
            except ConfigError as error:
                if is_given or not (isinstance(error, FolderInUseError) or folder.is_done):
                    raise
            folder = choose_run_folder(run_dir, config_in, is_given)
        yield folder


def choose_run_folder(run_dir: Path, config_in: ConfigIn, is_given: bool) -> RunFolder:
    """The folder of this command's unfinished run, if there is one, else a new one.

    Args:
        run_dir: the folder given, or the one for a new run.
        config_in: gives the configuration of the run in a folder.
        is_given: whether `run_dir` was given on the command line.

    Raises:
        ConfigError: the folder that was given holds another run, a finished one or something else.
    """
    folder = RunFolder(run_dir)
    cfg = config_in(run_dir)
    if is_given:
        folder.refuse_other_run(cfg)
        return folder
    if cfg["checkpoint"] is None:
        for earlier in _unfinished_runs(folder.path.parent):
            if _is_run_of(earlier, config_in(earlier.path)) and not earlier.is_locked_elsewhere():
                return earlier
    return _make_new_folder(folder.path)


def _unfinished_runs(parent: Path) -> Iterator[RunFolder]:
    """The unfinished runs in a folder, the newest by name first."""
    runs = (RunFolder(path.parent) for path in sorted(parent.glob("*/config.yaml"), reverse=True))
    return (run for run in runs if not run.is_done)


def _is_run_of(folder: RunFolder, cfg: Mapping[str, Any]) -> bool:
    try:
        refuse_strange_files(folder.path)
        return folder.differences(cfg) == []
    except ConfigError as error:
        log.warning("seqtrain: warning: skipped in the search for a run to resume: %s", error.problems[0])
        return False


def _make_new_folder(path: Path) -> RunFolder:
    """Make the folder; its name gets a number if another run began in the same second."""
    folder, number = RunFolder(path), 1
    while True:
        try:
            folder.make()
        except FileExistsError:
            number += 1
            folder = RunFolder(path.with_name(f"{path.name}_{number}"))
        else:
            return folder

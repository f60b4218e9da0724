"""Choose the folder of a run: that of this command's unfinished run, or a new one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from seqtrain.config import ConfigError
from seqtrain.runs.folder import FolderInUseError, RunFolder

ConfigIn: TypeAlias = Callable[[Path], Mapping[str, Any]]

log = logging.getLogger("seqtrain")


@contextmanager
def chosen_folder(run_dir: Path, config_in: ConfigIn, is_given: bool) -> Iterator[RunFolder]:
    """The folder of `choose_run_folder`, held from the moment that it is known to suit.

    Another process may choose the same unfinished run in the same instant, and hold or even finish it first.
    Then there is another choice, unless the folder was given. If nothing is written to a new folder, it is
    removed at the end.

    Raises:
        ConfigError: see `choose_run_folder` and `RunFolder.held`.
    """
    folder = choose_run_folder(run_dir, config_in, is_given)
    with ExitStack() as stack:
        stack.callback(lambda: folder.discard_if_empty())  # the last choice
        while True:
            try:
                stack.enter_context(folder.held(config_in(folder.path)))
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
            if _is_run_of(earlier, config_in(earlier.path)) and not earlier.is_held_elsewhere():
                return earlier
    return _make_new_folder(folder.path)


def _unfinished_runs(parent: Path) -> Iterator[RunFolder]:
    """The unfinished runs in a folder, the newest by name first."""
    runs = (RunFolder(path.parent) for path in sorted(parent.glob("*/config.yaml"), reverse=True))
    return (run for run in runs if not run.is_done)


def _is_run_of(folder: RunFolder, cfg: Mapping[str, Any]) -> bool:
    try:
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

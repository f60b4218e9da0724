"""What `python -m seqtrain` does around a training: refuse early, choose the folder, return an exit code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra

from seqtrain.commands.interface import exit_code
from seqtrain.config import (
    CONFIG_DIR,
    ConfigError,
    Display,
    Search,
    SingleRun,
    Sweep,
    check_command_line,
)
from seqtrain.config.tree import Tree
from seqtrain.errors import keep_interrupts, nearest, printable_line, show
from seqtrain.runs.find import chosen_folder
from seqtrain.runs.folder import RUN_DIR, RunFolder
from seqtrain.runs.logs import patience
from seqtrain.runs.report.collect import Run, read_run

if TYPE_CHECKING:
    from torch.distributed import Store  # type: ignore[attr-defined]

SEVERAL = re.compile(r"\S+=\S+\s+\S+=\S")  # overrides in one string
STORE_KEY = "seqtrain/run_dir"


def leaders_folder(given: Path | None) -> RunFolder | None:
    """The folder of the process that this one helps to train; None where this one leads.

    The processes that Lightning starts get it from an environment variable. Under torchrun the leader's
    choice is read from the store of torchrun's agent. Slurm has no such store: there `run_dir` must be given.

    Args:
        given: `run_dir` of the command line.

    Raises:
        ConfigError: under Slurm, without `run_dir`.
    """
    if os.environ.get("LOCAL_RANK", "0") != "0" and RUN_DIR in os.environ:
        return RunFolder(os.environ[RUN_DIR], leads=False)
    if _is_torchrun():
        return None if os.environ["RANK"] == "0" else RunFolder(_store().get(STORE_KEY).decode(), leads=False)
    if os.environ.get("SLURM_PROCID", "0") == "0":
        return None
    if given is None:
        raise ConfigError(["run_dir: missing; tasks of one Slurm job need it, since all write one run"])
    return RunFolder(given, leads=False)


def _publish_to_torchrun(folder: RunFolder) -> None:
    """Let the other processes that torchrun started know the folder that this one chose."""
    if _is_torchrun() and os.environ["RANK"] == "0":
        _store().set(STORE_KEY, str(folder.path))


def _is_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) > 1


def _store() -> Store:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    return TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train with the configuration of the command line.

    Returns:
        0 done, 2 the user's input was refused, 1 anything else went wrong, 130 interrupted.
    """
    return exit_code(lambda: _launch(list(sys.argv[1:] if arguments is None else arguments)))


def _launch(arguments: list[str]) -> None:
    checked = check_command_line(arguments)
    if isinstance(checked, SingleRun):
        _run_single(checked)
    elif isinstance(checked, Sweep):
        from seqtrain.sweeps.sweep import run_sweep  # only now: a single run starts without it

        run_sweep(checked)
    elif isinstance(checked, Search):
        _run_search(checked, arguments)
    else:
        _show(checked)


def _run_search(search: Search, arguments: list[str]) -> None:
    try:
        from seqtrain.sweeps.search import run_search
    except ImportError as error:
        if error.name != "optuna":
            raise
        raise ConfigError(['search: Optuna is missing; pip install "seqtrain[search]"']) from None
    run_search(search, arguments)


def train(*overrides: str) -> Run:
    """Train from Python what `seqtrain key=value ...` trains: the same run folder, tables and messages.

    An unfinished run of the same configuration is resumed. The command line, the current folder and the
    loggers of the program are left as they are. It trains in this process, on one device.

    Args:
        overrides: as on the command line, each a string: `train("task=pos", "model=bilstm")`.

    Returns:
        The finished run; `seqtrain.load(run)` predicts with it.

    Raises:
        seqtrain.errors.InputError: the configuration or the data is refused; nothing was written.
        seqtrain.errors.RunError: the training diverged.
        KeyboardInterrupt: the same call resumes from the last checkpoint.
    """
    for override in overrides:
        if not isinstance(override, str) or SEVERAL.match(override):
            expected = 'a string for each key: train("task=pos", "model=bilstm")'
            raise ConfigError([f"train: got {show(override)}, expected {expected}"])
    checked = check_command_line(overrides)
    if not isinstance(checked, SingleRun):
        raise ConfigError(
            ["train: trains a single run; use the command line for sweeps, searches and --help"]
        )
    devices = checked.composed.tree["trainer"].get("devices")
    if devices not in (1, "1") and not (isinstance(devices, list) and len(devices) == 1):
        problem = "starts processes, which would run this program again; use the command line"
        raise ConfigError([f"trainer.devices: got {show(devices)}, which {problem}"])
    return read_run(_run_single(checked).path)


def _run_single(run: SingleRun) -> RunFolder:
    run_dir = Path(run.composed.tree["run_dir"])
    leader = leaders_folder(run_dir if run.is_folder_given else None)
    try:
        with keep_interrupts(), ExitStack() as stack:
            choice = chosen_folder(run_dir, run.composed.tree_in, run.is_folder_given)
            folder = leader or stack.enter_context(choice)
            tree = run.composed.tree_in(folder.path)
            if leader is None:
                if not folder.is_begun:  # else a checkpoint may have what was in them
                    _check_files(tree)
                stack.enter_context(folder.published())
                _publish_to_torchrun(folder)
                _announce(run.composed.choices, folder)
            _run(tree, folder)
            return folder
    except KeyboardInterrupt:
        raise KeyboardInterrupt("The same command resumes from the last checkpoint.") from None


def _check_files(tree: Tree) -> None:
    """Refuse files and folders that are not there, before torch is imported.

    Raises:
        ConfigError: with the keys that name them.
    """
    data = tree["data"]
    named = {"checkpoint": tree.get("checkpoint")}
    if str(data["_target_"]).startswith("seqtrain."):
        named |= {f"data.{key}": data.get(key) for key in ("path", "vectors")}
    problems = []
    for key, value in named.items():
        if value is not None and not Path(value).exists():
            folder = Path(value).parent
            names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
            near = nearest(Path(value).name, names)
            hint = f"; did you mean {folder / near}?" if near else ""
            problems.append(f"{key}: there is no file or folder {value}{hint}")
    if problems:
        raise ConfigError(problems)


def _announce(choices: Mapping[str, Any], folder: RunFolder) -> None:
    """Print what is about to happen, before the seconds that it takes to import torch."""
    verb = "Resuming" if folder.is_begun else "Training"
    text = f"{verb} {choices['model']} on {choices['data']} in {folder.path}"
    print(printable_line(text), file=sys.stderr, flush=True)


def _run(tree: Tree, folder: RunFolder) -> None:
    with folder.locked(tree):
        # Only now: torch takes seconds to import, and a refusal or --help should not.
        with patience("importing torch", folder.leads):
            from seqtrain.training.train import train

        train(tree, folder)


def _show(display: Display) -> None:
    """Let Hydra show what a flag asks for."""
    show = hydra.main(version_base="1.3", config_path=str(CONFIG_DIR), config_name="config")(lambda _: None)
    before = sys.argv
    sys.argv = [before[0], *display.arguments]  # Hydra reads no other arguments
    try:
        show()
    finally:
        sys.argv = before

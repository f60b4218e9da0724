"""One job of a sweep, wherever a launcher runs it, and what the terminal shows of it.

A job's own folder shows whether there is anything to do.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from hydra.core.hydra_config import HydraConfig

from seqtrain.config import ConfigError
from seqtrain.errors import keep_interrupts, name_some, printable_line
from seqtrain.runs.folder import FolderInUseError, RunFolder

Report: TypeAlias = Callable[[int, float], bool]  # of an epoch and its metric; True ends the training
NVIDIA = Path("/proc/driver/nvidia/gpus")  # a folder for each GPU, where there is the driver


@dataclass(frozen=True)
class Progress:
    """How far a sweep is, according to its folders, so that all processes agree.

    Args:
        folders: of all jobs, by their names, in order.
        started_at: when this command started, in seconds of the system clock.
        num_done_before: jobs that were done then.
    """

    folders: dict[str, str]
    started_at: float
    num_done_before: int

    def announce(self, name: str) -> None:
        """Print that a job starts, with its number and the estimated time left."""
        done = sum((Path(folder) / "metrics.json").exists() for folder in self.folders.values())
        rest = describe_rest(self.started_at, done - self.num_done_before, len(self.folders) - done)
        say(f"{list(self.folders).index(name) + 1} of {len(self.folders)}  {name}{rest}")

    def report_failure(self, name: str, folder: RunFolder, reason: Exception | str) -> None:
        """Print that a job failed, and where its traceback is."""
        lines = str(reason).strip().splitlines() or [type(reason).__name__]
        say(f"{name} failed: {lines[-1].strip()} (see {folder.path / 'job.log'})")


def describe_start(what: str, folder: Path, num: int, num_done: int) -> str:
    """`12 jobs in runs/sweeps/mine, 4 of them done already`, for jobs or trials."""
    done = f", {num_done} of them done already" if num_done else ""
    return f"{num} {what} in {folder}{done}"


def describe_rest(started_at: float, num_done: int, num_left: int) -> str:
    """`  about 40 s left` if the rest is as fast as what was done since the start; empty before the first."""
    if num_done < 1:
        return ""
    return f"  about {describe_seconds((time.time() - started_at) / num_done * num_left)} left"


def describe_seconds(seconds: float) -> str:
    """`40 s`, `12 min` or `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def say(line: str) -> None:
    """Write a line at once: jobs that run side by side share the terminal."""
    sys.stderr.write(f"{printable_line(line)}\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class SweepJob:
    """A run, ready to be sent to another process.

    Args:
        name: of the folder.
        folder: of the run, relative to `cwd`.
        cwd: where the sweep was started.
        overrides: a command line that makes the same run.
        tree: the checked and resolved configuration.
    """

    name: str
    folder: str
    cwd: str
    overrides: tuple[str, ...]
    tree: dict[str, Any]


def run_job(job: SweepJob, progress: Progress) -> None:
    """Run a job unless it is done, or another process runs it; continue it if it was interrupted.

    Raises:
        KeyboardInterrupt: the user asked to stop; the last checkpoint holds what was done.
    """
    os.chdir(job.cwd)
    folder = RunFolder(job.folder)
    try:
        with folder.locked():
            if folder.is_done:
                return
            progress.announce(job.name)
            error = run_locked(job, folder)
            if error is not None:
                progress.report_failure(job.name, folder, error)
    except FolderInUseError:
        return  # the sweep checks it again when the others are done


def run_locked(job: SweepJob, folder: RunFolder, report: Report | None = None) -> Exception | None:
    """Run a job whose folder this process has locked; return the error that ended it.

    What the run prints goes to `job.log` in its folder, and so does the traceback of a failure, which is not
    raised: the other jobs run on. `report` is called after each epoch, see `EpochReport`.

    Raises:
        KeyboardInterrupt: the user asked to stop.
    """
    use_own_gpu()
    try:
        with _output_in(folder.path / "job.log"), _as_single_run(job), keep_interrupts():
            _train(job, folder, report)
    except Exception as error:
        folder.write_failure(error)
        return error
    return None


def _train(job: SweepJob, folder: RunFolder, report: Report | None) -> None:
    if folder.is_begun and (keys := folder.differences(job.tree)):
        raise ConfigError([f"{folder.path} holds another configuration; it differs in {name_some(keys)}"])
    folder.write_config(job.tree)  # first, so that a job that fails early can be seen with its values

    from seqtrain.training.callbacks.progress import EpochReport
    from seqtrain.training.train import train

    callbacks = [] if report is None else [EpochReport(job.tree["task"]["monitor"], report)]
    train(job.tree, folder, brief=True, callbacks=callbacks)


@contextmanager
def _output_in(path: Path) -> Iterator[None]:
    """Send what is printed to a file, followed by the traceback of an error."""
    with path.open("a", encoding="utf-8", buffering=1) as log, redirect_stdout(log), redirect_stderr(log):
        try:
            yield
        except BaseException:
            traceback.print_exc()
            raise


@contextmanager
def _as_single_run(job: SweepJob) -> Iterator[None]:
    """Let processes that the run starts, for more devices, see the command of this one run."""
    arguments, hydra_config = sys.argv, HydraConfig.instance().cfg
    sys.argv = [arguments[0], *job.overrides, f"run_dir={job.folder}"]
    HydraConfig.instance().cfg = None
    try:
        with RunFolder(job.folder).published():
            yield
    finally:
        sys.argv, HydraConfig.instance().cfg = arguments, hydra_config


def use_own_gpu() -> None:
    """In a worker process of joblib, let torch see one GPU, in turn; elsewhere schedulers assign them."""
    name, _, number = multiprocessing.current_process().name.rpartition("-")
    gpus = visible_gpus()
    if name == "LokyProcess" and len(gpus) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[(int(number) - 1) % len(gpus)]


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them, without importing torch."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name]
    return [str(number) for number in range(len(list(NVIDIA.glob("*"))))]

"""Hand jobs to Hydra's launchers, or to our own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from hydra._internal.callbacks import Callbacks  # in every 1.3, to which pyproject.toml keeps Hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from hydra.utils import instantiate
from omegaconf import DictConfig

from seqtrain.runs.folder import RunFolder
from seqtrain.sweeps.job import Progress, SweepJob, run_job

OURS = "seqtrain.sweeps."
SUBMITIT = "hydra_plugins.hydra_submitit_launcher."  # its jobs write to files, not to this terminal
SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class JobFunction:
    """What a launcher calls for each job, its task function; it can be pickled.

    Launchers compose a configuration of their own for each job. It only identifies the job: what runs is
    the tree that was checked.
    """

    jobs: tuple[SweepJob, ...]
    progress: Progress

    def __call__(self, composed: DictConfig) -> None:
        self.run(HydraConfig.get().job.num)

    def run(self, number: int) -> None:
        """Run one of the jobs, counted from 0."""
        run_job(self.jobs[number], self.progress)


def launch(jobs: Sequence[SweepJob], progress: Progress, master: DictConfig, loader: ConfigLoader) -> None:
    """Run jobs with the launcher that `master` names, and return when all have ended.

    Raises:
        Exception: the first that a job raised; the failure of its run is not raised, but kept in its folder.
    """
    setup_globals()
    context = HydraContext(config_loader=loader, callbacks=Callbacks(master))
    launcher = _build_launcher(context, JobFunction(tuple(jobs), progress), master)
    is_silent = str(master.hydra.launcher._target_).startswith(SUBMITIT)
    with watched(jobs, progress) if is_silent else nullcontext():
        returned = launcher.launch([[] for _ in jobs], initial_job_idx=0)
    for job in returned:
        if job.status is JobStatus.FAILED:
            raise job._return_value  # in every 1.3; the public property prints a message


def _build_launcher(context: HydraContext, function: Any, master: DictConfig) -> Launcher:
    node = master.hydra.launcher
    if not str(node._target_).startswith(OURS):
        return Plugins.instance().instantiate_launcher(
            hydra_context=context, task_function=function, config=master
        )
    launcher: Launcher = instantiate(node)
    launcher.setup(hydra_context=context, task_function=function, config=master)
    return launcher


@contextmanager
def watched(jobs: Sequence[SweepJob], progress: Progress) -> Iterator[None]:
    """Announce each job when its folder shows that it begins, and report it if it fails."""
    end = threading.Event()
    before = {job.name: RunFolder(job.folder).begun_at for job in jobs}
    thread = threading.Thread(target=_watch, args=(jobs, before, progress, end), daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _watch(
    jobs: Sequence[SweepJob], before: dict[str, float], progress: Progress, end: threading.Event
) -> None:
    waiting = {job.name: RunFolder(job.folder) for job in jobs}
    running: dict[str, RunFolder] = {}
    is_last = False
    while (waiting or running) and not is_last:
        is_last = end.wait(SECONDS_BETWEEN_LOOKS)  # jobs that ended since the last look are reported too
        for name, folder in list(waiting.items()):
            if folder.begun_at > before[name]:
                progress.announce(name)
                running[name] = waiting.pop(name)
        for name, folder in list(running.items()):
            failure = folder.failure  # read once: the file may appear at any time
            if failure:
                progress.report_failure(name, folder, failure)
            if failure or folder.is_done:
                del running[name]

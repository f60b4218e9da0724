"""A sweep from its first job to its table; the same command again continues it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from seqtrain.config import Job, Sweep
from seqtrain.errors import InputError, RunError, SweepError, keep_interrupts
from seqtrain.runs.files import refuse_strange_files
from seqtrain.runs.find import RUNS
from seqtrain.runs.folder import RunFolder
from seqtrain.runs.report.axes import short_names
from seqtrain.runs.report.collect import content_key, read_runs
from seqtrain.runs.report.formats import render
from seqtrain.runs.report.groups import compare_runs
from seqtrain.sweeps.job import Progress, SweepJob, describe_start, say
from seqtrain.sweeps.launch import launch

SWEEPS = RUNS / "sweeps"
SECONDS_BETWEEN_LOOKS = 0.5  # at jobs that another process runs
MAX_NAME_LENGTH = 120  # characters; file systems allow 255 bytes, and a path has other parts


def run_sweep(sweep: Sweep) -> None:
    """Run what is left of a sweep, and print the table of all of its jobs.

    Raises:
        SweepError: some jobs failed.
        KeyboardInterrupt: the user asked to stop.
    """
    folder = _folder_of(sweep)
    refuse_strange_files(folder, "sweep")
    jobs = {job.name: job for job in (assign_folder(job, folder) for job in sweep.jobs)}
    pending = [job for job in jobs.values() if not RunFolder(job.folder).is_done]
    progress = Progress(
        {name: job.folder for name, job in jobs.items()}, time.time(), len(jobs) - len(pending)
    )
    say(describe_start("jobs", folder, len(jobs), len(jobs) - len(pending)))
    before = _attempts(pending)
    try:
        _run_pending(pending, progress, sweep, folder)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_describe_interruption(list(jobs.values()), before)) from None
    _show_table(list(jobs.values()))
    _refuse_unfinished(list(jobs.values()))


def _folder_of(sweep: Sweep) -> Path:
    """The folder of `hydra.sweep.dir` where it is given, else one named after the sweep or its axes."""
    given = [line for line in sweep.master.hydra.overrides.hydra if line.startswith("hydra.sweep.dir=")]
    if given:
        return Path(sweep.master.hydra.sweep.dir)
    task = sweep.jobs[0].composed.choices.get("task", "sweep")
    return SWEEPS / (sweep.name or name_sweep(str(task), sweep.jobs[0].values))


def assign_folder(job: Job, folder: Path) -> SweepJob:
    """Give a job its own folder in the folder of the sweep."""
    name = name_job(job.values, job.composed.tree)
    tree = job.composed.tree_in(folder / name)
    return SweepJob(name, str(folder / name), str(Path.cwd()), job.overrides, tree)


def _run_pending(pending: list[SweepJob], progress: Progress, sweep: Sweep, folder: Path) -> None:
    """Launch the jobs that are not done, until only those are left that failed here.

    Another process may run jobs of the same sweep: these are checked again when it releases them, so that
    a job whose process was killed is run here.
    """
    master = _in_folder(sweep.master, folder)
    while pending:
        before = _attempts(pending)
        try:
            with keep_interrupts():
                launch(pending, progress, master, sweep.loader)
        except Exception as error:
            if isinstance(error, InputError) or not _mark_killed(pending, before, error):
                raise
        pending = [job for job in pending if _is_left(job)]
        if pending:
            say(f"waiting for {len(pending)} jobs that another process runs")
        while pending and all(RunFolder(job.folder).is_locked_elsewhere() for job in pending):
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _in_folder(master: DictConfig, folder: Path) -> DictConfig:
    """Let launchers write what they write themselves into the folder of the sweep."""
    settings = {"hydra.sweep.dir": str(folder), "hydra.sweep.subdir": "."}
    master = master.copy()
    with open_dict(master):
        for key, value in settings.items():
            OmegaConf.update(master, key, value)
            master.hydra.overrides.hydra.append(f"{key}='{value}'")  # Hydra composes them again for each job
    return master


def _attempts(jobs: Sequence[SweepJob]) -> dict[str, float]:
    """When the latest attempt at each job began."""
    return {job.name: RunFolder(job.folder).begun_at for job in jobs}


def _mark_killed(jobs: Sequence[SweepJob], before: dict[str, float], error: Exception) -> bool:
    """Mark jobs as failed that were running when a launcher gave up, as joblib does if a worker is killed.

    The jobs that had not begun can then be launched, and one that kills its worker is not launched forever.

    Returns:
        Whether there were any; otherwise the launcher itself does not work.
    """
    running = [RunFolder(job.folder) for job in _begun_since(jobs, before) if _is_left(job)]
    lost = [folder for folder in running if not folder.is_locked_elsewhere()]
    for folder in lost:
        folder.write_failure(
            RunError(f"its process, or another one of the same launcher, died ({type(error).__name__})")
        )
    return bool(lost)


def _begun_since(jobs: Sequence[SweepJob], before: dict[str, float]) -> list[SweepJob]:
    return [job for job in jobs if RunFolder(job.folder).begun_at > before[job.name]]


def _is_left(job: SweepJob) -> bool:
    folder = RunFolder(job.folder)
    return not folder.is_done and not folder.failure


def _show_table(jobs: Sequence[SweepJob]) -> None:
    print(f"\n{table_of(Path(job.folder) for job in jobs)}", end="", flush=True)


def table_of(folders: Iterable[Path]) -> str:
    """A table of the runs that have begun in these folders; warns of runs that cannot be read."""
    found = read_runs(folder for folder in folders if RunFolder(folder).is_begun)
    for problem in found.problems:
        say(f"seqtrain: warning: {problem}")
    return render(compare_runs(found.runs), "table")


def _refuse_unfinished(jobs: Sequence[SweepJob]) -> None:
    failed = [job for job in jobs if not RunFolder(job.folder).is_done]
    if failed:
        lines = [f"{len(failed)} of {len(jobs)} jobs are not done:"]
        for job in failed:
            reason = RunFolder(job.folder).failure or "ended without an error message"
            lines.append(f"  {job.name}: {reason}\n    see {Path(job.folder) / 'job.log'}")
        lines.append("The same command tries these again and runs none of the others.")
        raise SweepError("\n".join(lines))


def _describe_interruption(jobs: Sequence[SweepJob], before: dict[str, float]) -> str:
    """How many jobs are done, were running when this command was interrupted, failed, and are left."""
    failed = [job for job in jobs if RunFolder(job.folder).failure]
    pending = [job for job in jobs if _is_left(job)]
    running = [job.name for job in _begun_since(pending, before)]
    num_done, num_left = len(jobs) - len(failed) - len(pending), len(pending) - len(running)
    parts = [f"{num_done} of {len(jobs)} jobs {'is' if num_done == 1 else 'are'} done"]
    if running:
        parts.append(
            f"{len(running)} {'was' if len(running) == 1 else 'were'} running ({', '.join(running)})"
        )
    if failed:
        parts.append(f"{len(failed)} failed")
    parts.append(f"{num_left} {'is' if num_left == 1 else 'are'} left")
    return f"{', '.join(parts)}. The same command continues them."


def name_sweep(task: str, axes: Iterable[str]) -> str:
    """`digits-model,hidden_size,seed`: the same for other values, so that the same folder is found again."""
    return "-".join(filter(None, [task, _clean(",".join(short_names(list(axes)).values()))]))


def name_job(values: Mapping[str, str], config: Mapping[str, Any]) -> str:
    """`model=lstm,hidden_size=64,seed=1-3f2a`: the values of the axes, and the key of all of the content."""
    names = short_names(list(values))
    readable = ",".join(f"{names[key]}={value}" for key, value in values.items())
    return "-".join(filter(None, [_clean(readable), content_key(config)]))


def _clean(name: str) -> str:
    """Without characters that a shell or a file system would interpret."""
    return re.sub(r"[^\w.,=+-]+", "_", name)[:MAX_NAME_LENGTH]

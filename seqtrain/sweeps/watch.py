"""Announce jobs from the process that launched them, where they run out of sight of its terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from seqtrain.runs.folder import RunFolder
from seqtrain.sweeps.job import SweepJob
from seqtrain.sweeps.progress import Progress

SECONDS_BETWEEN_LOOKS = 0.5


@contextmanager
def watched(jobs: Sequence[SweepJob], progress: Progress) -> Iterator[None]:
    """Within it, announce each job when its folder shows that it begins, and report it if it fails."""
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

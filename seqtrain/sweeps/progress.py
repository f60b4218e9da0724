"""What a sweep says while it runs: a line when a job starts."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from seqtrain.errors import printable_line
from seqtrain.runs.folder import RunFolder


@dataclass(frozen=True)
class Progress:
    """How far a sweep is, as its folders tell, so that all processes agree.

    Args:
        folders: of all jobs, by their names, in order.
        started_at: when this command started, in seconds of the system clock.
        num_done_before: jobs that were done then.
    """

    folders: dict[str, str]
    started_at: float
    num_done_before: int

    def announce(self, name: str) -> None:
        """Say that a job starts: its place among all, and the time that is left."""
        place = list(self.folders).index(name) + 1
        say(f"{place} of {len(self.folders)}  {name}{self._describe_rest()}")

    def report_failure(self, name: str, folder: RunFolder, error: Exception) -> None:
        """Say that a job failed, and where its traceback is."""
        lines = str(error).strip().splitlines() or [type(error).__name__]
        say(f"{name} failed: {lines[-1].strip()} (see {folder.path / 'job.log'})")

    def _describe_rest(self) -> str:
        done = sum((Path(folder) / "metrics.json").exists() for folder in self.folders.values())
        finished = done - self.num_done_before
        if finished < 1:
            return ""
        left = (time.time() - self.started_at) / finished * (len(self.folders) - done)
        return f"  about {describe_seconds(left)} left"


def describe_seconds(seconds: float) -> str:
    """`40 s`, `12 min` or `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def say(line: str) -> None:
    """Write a line at once: jobs that run side by side share the terminal."""
    sys.stderr.write(f"{printable_line(line)}\n")
    sys.stderr.flush()

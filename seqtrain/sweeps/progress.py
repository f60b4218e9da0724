"""The progress of a sweep on the terminal: a line when a job starts or fails."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from seqtrain.errors import printable_line
from seqtrain.runs.folder import RunFolder


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
        place = list(self.folders).index(name) + 1
        say(f"{place} of {len(self.folders)}  {name}{self._describe_rest()}")

    def report_failure(self, name: str, folder: RunFolder, reason: Exception | str) -> None:
        """Print that a job failed, and where its traceback is."""
        lines = str(reason).strip().splitlines() or [type(reason).__name__]
        say(f"{name} failed: {lines[-1].strip()} (see {folder.path / 'job.log'})")

    def _describe_rest(self) -> str:
        done = sum((Path(folder) / "metrics.json").exists() for folder in self.folders.values())
        return describe_rest(self.started_at, done - self.num_done_before, len(self.folders) - done)


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

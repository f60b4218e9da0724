from __future__ import annotations

import os
import pickle
import queue
import time
from pathlib import Path

import pytest

from seqtrain.config import Sweep, check_command_line
from seqtrain.runs.folder import RunFolder
from seqtrain.sweeps import job as job_module
from seqtrain.sweeps import launch as module
from seqtrain.sweeps.job import Progress, SweepJob
from seqtrain.sweeps.launch import JobFunction, launch, watched

JOBS = tuple(SweepJob(name, name, ".", (), {}) for name in "abc")
PROGRESS = Progress({name: name for name in "abc"}, 0.0, 0)


def test_a_task_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(JobFunction(JOBS, PROGRESS))) == JobFunction(JOBS, PROGRESS)


def test_hydras_basic_launcher_runs_every_job_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(module, "run_job", lambda job, _: ran.append(job.name))
    sweep = check_command_line(["-m", "seed=0,1"])
    assert isinstance(sweep, Sweep)
    launch(JOBS, PROGRESS, sweep.master, sweep.loader)
    assert ran == ["a", "b", "c"]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> queue.SimpleQueue[str]:
    """What is printed, in a queue: capsys loses a line that is written while it is being read."""
    printed: queue.SimpleQueue[str] = queue.SimpleQueue()
    monkeypatch.setattr(job_module, "say", printed.put)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LOOKS", 0.01)
    return printed


def test_jobs_are_announced_when_they_begin_and_reported_when_they_fail(
    tmp_path: Path, lines: queue.SimpleQueue[str]
) -> None:
    jobs = [SweepJob(name, str(tmp_path / name), ".", (), {}) for name in "abc"]
    write(tmp_path / "a" / "config.yaml", age=100)  # of an earlier attempt
    progress = Progress({job.name: job.folder for job in jobs}, time.time(), num_done_before=0)
    with watched(jobs, progress):
        write(tmp_path / "b" / "config.yaml")
        assert lines.get(timeout=60) == "2 of 3  b"
        write(tmp_path / "b" / "failure.txt", "ValueError: wrong")
        assert lines.get(timeout=60) == f"b failed: ValueError: wrong (see {tmp_path}/b/job.log)"
        write(tmp_path / "a" / "config.yaml")
    # What happened since the last look is said at the end; c never began.
    assert lines.get(timeout=60) == "1 of 3  a"
    assert lines.empty()


def write(path: Path, text: str = "", age: float = 0.0) -> None:
    """Write a file that appears whole, as those of a run do."""
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    os.utime(draft, (time.time() - age,) * 2)
    draft.replace(path)


def test_a_failure_that_appears_during_a_look_is_reported(
    tmp_path: Path, lines: queue.SimpleQueue[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["", *["ValueError: wrong"] * 9])
    monkeypatch.setattr(RunFolder, "failure", property(lambda _: next(answers)))
    progress = Progress({"a": str(tmp_path / "a")}, time.time(), num_done_before=0)
    with watched([SweepJob("a", str(tmp_path / "a"), ".", (), {})], progress):
        write(tmp_path / "a" / "config.yaml")
        assert lines.get(timeout=60) == "1 of 1  a"
        assert lines.get(timeout=60).startswith("a failed: ValueError: wrong")

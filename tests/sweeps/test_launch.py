from __future__ import annotations

import pickle

import pytest

from seqtrain.config import Sweep, check_command_line
from seqtrain.sweeps import launch as module
from seqtrain.sweeps.job import SweepJob
from seqtrain.sweeps.launch import Task, launch
from seqtrain.sweeps.progress import Progress

JOBS = tuple(SweepJob(name, name, ".", (), {}) for name in "abc")
PROGRESS = Progress({name: name for name in "abc"}, 0.0, 0)


def test_a_task_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Task(JOBS, PROGRESS))) == Task(JOBS, PROGRESS)


def test_hydras_basic_launcher_runs_every_job_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(module, "run_job", lambda job, _: ran.append(job.name))
    sweep = check_command_line(["-m", "seed=0,1"])
    assert isinstance(sweep, Sweep)
    launch(JOBS, PROGRESS, sweep.master, sweep.loader)
    assert ran == ["a", "b", "c"]

from __future__ import annotations

import sys

import pytest

from seqtrain.config import ConfigError
from seqtrain.sweeps import launch
from seqtrain.sweeps.job import Progress, SweepJob
from seqtrain.sweeps.launch import JobFunction
from seqtrain.sweeps.ray_launcher import RayLauncher, _run


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError) as refused:
        RayLauncher(None, 1, 0).launch([[]], 0)
    assert refused.value.problems == ('hydra/launcher: Ray is missing; pip install "seqtrain[ray]"',)


def test_a_ray_task_runs_the_job_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(launch, "run_job", lambda job, _: ran.append(job.name))
    jobs = tuple(SweepJob(name, name, ".", (), {}) for name in "ab")
    _run(JobFunction(jobs, Progress({}, 0.0, 0)), 1)  # type: ignore[arg-type]
    assert ran == ["b"]

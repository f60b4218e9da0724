from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from seqtrain.sweeps import watch
from seqtrain.sweeps.job import SweepJob
from seqtrain.sweeps.progress import Progress
from seqtrain.sweeps.watch import watched


@pytest.fixture(autouse=True)
def _looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SECONDS_BETWEEN_LOOKS", 0.01)


def test_jobs_are_announced_when_they_begin_and_reported_when_they_fail(tmp_path: Path, capsys) -> None:
    jobs = [SweepJob(name, str(tmp_path / name), ".", (), {}) for name in "abc"]
    write(tmp_path / "a" / "config.yaml", age=100)  # of an earlier attempt
    progress = Progress({job.name: job.folder for job in jobs}, time.time(), num_done_before=0)
    with watched(jobs, progress):
        write(tmp_path / "b" / "config.yaml")
        wait_for("2 of 3  b", capsys)
        write(tmp_path / "b" / "failure.txt", "ValueError: wrong")
        wait_for(f"b failed: ValueError: wrong (see {tmp_path}/b/job.log)", capsys)
        write(tmp_path / "a" / "config.yaml")
    # What happened since the last look is said at the end; c never began.
    assert capsys.readouterr().err.splitlines() == ["1 of 3  a"]


def write(path: Path, text: str = "", age: float = 0.0) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)


def wait_for(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(500):
        said = capsys.readouterr().err
        if said:
            assert said == f"{line}\n"
            return
        time.sleep(0.01)
    raise AssertionError(f"{line!r} was not said within five seconds")

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from pathlib import Path

import pytest

from seqtrain.runs.folder import RUN_DIR, RunFolder
from seqtrain.sweeps import job as module
from seqtrain.sweeps.job import (
    Progress,
    SweepJob,
    describe_seconds,
    run_job,
    run_locked,
    use_own_gpu,
    visible_gpus,
)


@pytest.fixture
def job(tmp_path: Path) -> SweepJob:
    (tmp_path / "a").mkdir()
    return SweepJob("a", str(tmp_path / "a"), str(tmp_path), ("seed=1",), {"seed": 1})


def test_output_and_the_traceback_go_to_the_log(job: SweepJob, monkeypatch, capsys) -> None:
    def fail(*_: object) -> None:
        print("out")
        print("err", file=sys.stderr)
        raise ValueError("no")

    monkeypatch.setattr(module, "_train", fail)
    folder = RunFolder(job.folder)
    error = run_locked(job, folder)
    assert repr(error) == "ValueError('no')"
    log = Path(job.folder, "job.log").read_text()
    assert log.startswith("out\nerr\nTraceback (most recent call last):\n")
    assert log.endswith("ValueError: no\n")
    assert folder.failure == "ValueError: no"
    assert capsys.readouterr() == ("", "")


def test_processes_of_the_run_see_its_own_command(job: SweepJob, monkeypatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(sys, "argv", ["seqtrain", "-m", "seed=1,2"])
    monkeypatch.setattr(module, "_train", lambda *_: seen.append([*sys.argv, os.environ[RUN_DIR]]))
    assert run_locked(job, RunFolder(job.folder)) is None
    assert seen == [["seqtrain", "seed=1", f"run_dir={job.folder}", job.folder]]
    assert sys.argv == ["seqtrain", "-m", "seed=1,2"]


def test_a_job_that_is_done_is_not_run(job: SweepJob, monkeypatch, capsys) -> None:
    Path(job.folder, "config.yaml").write_text("seed: 1\n")
    Path(job.folder, "metrics.json").write_text("{}")
    monkeypatch.chdir(job.cwd)
    monkeypatch.setattr(module, "run_locked", lambda *_: pytest.fail("it ran"))
    run_job(job, Progress({"a": job.folder}, 0.0, 1))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("number", "gpu"), [(1, "4"), (2, "7"), (3, "4")])
def test_workers_take_turns(number: int, gpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    monkeypatch.setattr(multiprocessing.current_process(), "name", f"LokyProcess-{number}")
    use_own_gpu()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == gpu


def test_elsewhere_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    use_own_gpu()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,7"


def test_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus() == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (99, "99 s"), (150, "2 min"), (5999, "100 min"), (7200, "2.0 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert describe_seconds(seconds) == text


def test_a_line_a_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = {name: str(tmp_path / name) for name in "abcd"}
    progress = Progress(folders, started_at=time.time() - 10, num_done_before=1)
    for name in "a":
        finish(tmp_path / name)
    progress.announce("b")
    finish(tmp_path / "b")
    progress.announce("c")  # one job in 10 seconds; two are left
    progress.report_failure("c", RunFolder(tmp_path / "c"), ValueError("first\nlast line"))
    assert capsys.readouterr().err.splitlines() == [
        "2 of 4  b",
        "3 of 4  c  about 20 s left",
        f"c failed: last line (see {tmp_path}/c/job.log)",
    ]


def finish(folder: Path) -> None:
    folder.mkdir()
    (folder / "metrics.json").write_text("{}")

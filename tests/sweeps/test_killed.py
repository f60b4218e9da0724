"""Sweeps whose processes are killed, and several processes on one sweep."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import metrics_of, small_overrides

ROOT = Path(__file__).parents[2]
AXES = ["model=rnn,lstm,gru,bilstm", "seed=0,1,2"]
SMALL = [*small_overrides("digits", Path()), "trainer.max_epochs=4", "data_dir=none", "logger=csv"]

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def start(*overrides: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "seqtrain", "-m", *SMALL, *AXES, *overrides]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_until_begun(job: str, sweep: str) -> Path:
    """Wait for the first checkpoint of a job."""
    for _ in range(2400):
        for path in Path("runs/sweeps", sweep).glob(f"{job}-*/checkpoints/last.ckpt"):
            return path.parents[1]
        time.sleep(0.05)
    raise AssertionError(f"{job} did not begin within two minutes")


def logs(sweep: str) -> dict[str, str]:
    return {path.parent.name: path.read_text() for path in Path("runs/sweeps", sweep).glob("*/train.log")}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """The metrics of the twelve jobs of a sweep that nobody stopped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("uninterrupted"))
        process = start("sweep=whole")
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        return metrics_of("runs/sweeps/whole/*")


def test_the_same_command_continues_a_killed_sweep(uninterrupted: dict[str, dict[str, float]]) -> None:
    process = start("sweep=killed")
    cut_off = wait_until_begun("model=lstm,seed=1", "killed")
    process.kill()
    process.communicate()
    assert not (cut_off / "metrics.json").exists()
    done = {path.parent.name for path in Path("runs/sweeps/killed").glob("*/metrics.json")}
    assert len(done) == 4
    before = logs("killed")
    process = start("sweep=killed")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "12 jobs in runs/sweeps/killed, 4 of them done already" in err
    assert "12 runs: 12 done" in out
    after = logs("killed")
    assert {name: after[name] for name in done} == {name: before[name] for name in done}
    assert ", resumed" in after[cut_off.name]
    assert metrics_of("runs/sweeps/killed/*") == uninterrupted


def test_two_processes_share_the_jobs(uninterrupted: dict[str, dict[str, float]]) -> None:
    processes = [start("sweep=shared") for _ in range(2)]
    said = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert all("12 runs: 12 done" in out for out, _ in said)
    begun = [line.split()[3] for _, err in said for line in err.splitlines() if " of 12  model=" in line]
    assert sorted(begun) == sorted(uninterrupted)  # each job in one of the two
    assert all(" of 12  " in err for _, err in said)
    assert metrics_of("runs/sweeps/shared/*") == uninterrupted
    assert all(text.count("run folder") == 2 for text in logs("shared").values())  # at its start and its end


def test_one_of_two_processes_is_killed(uninterrupted: dict[str, dict[str, float]]) -> None:
    first = start("sweep=half")
    cut_off = wait_until_begun("model=rnn,seed=0", "half")
    second = start("sweep=half")
    while not any(path.parent != cut_off for path in Path("runs/sweeps/half").glob("*/config.yaml")):
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    out, err = second.communicate(timeout=600)
    assert second.returncode == 0, err
    assert "12 runs: 12 done" in out
    assert metrics_of("runs/sweeps/half/*") == uninterrupted

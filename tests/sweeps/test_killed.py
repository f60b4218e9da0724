"""Sweeps whose processes are killed, and several processes on one sweep."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from small_runs import finish_sweep, metrics_of, start_sweep

pytestmark = pytest.mark.slow


def start(name: str) -> subprocess.Popen[str]:
    axes = ("model=rnn,lstm,gru,bilstm", "seed=0,1,2")
    return start_sweep("trainer.max_epochs=12", "logger=csv", *axes, f"sweep={name}")


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
        finish_sweep(start("whole"))
        return metrics_of("runs/sweeps/whole/*")


def test_the_same_command_continues_a_killed_sweep(uninterrupted: dict[str, dict[str, float]]) -> None:
    process = start("killed")
    cut_off = wait_until_begun("model=lstm,seed=1", "killed")
    process.kill()
    process.communicate()
    assert not (cut_off / "metrics.json").exists()
    done = {path.parent.name for path in Path("runs/sweeps/killed").glob("*/metrics.json")}
    assert len(done) == 4
    before = logs("killed")
    out, err = finish_sweep(start("killed"))
    assert "12 jobs in runs/sweeps/killed, 4 of them done already" in err
    assert "12 runs: 12 done" in out
    after = logs("killed")
    assert {name: after[name] for name in done} == {name: before[name] for name in done}
    assert count_attempts(after[cut_off.name]) == [False, True]
    assert all(count_attempts(after[name]) == [False] for name in after if name != cut_off.name)
    assert metrics_of("runs/sweeps/killed/*") == uninterrupted


def test_two_processes_share_the_jobs(uninterrupted: dict[str, dict[str, float]]) -> None:
    processes = [start("shared") for _ in range(2)]
    said = [finish_sweep(process) for process in processes]
    assert all("12 runs: 12 done" in out for out, _ in said)
    begun = [name for _, err in said for name in announced(err)]
    assert sorted(begun) == sorted(uninterrupted)  # each job in one of the two
    assert all(announced(err) for _, err in said)
    assert metrics_of("runs/sweeps/shared/*") == uninterrupted
    assert all(count_attempts(text) == [False] for text in logs("shared").values())


def test_one_of_two_processes_is_killed_and_the_other_continues_its_job(
    uninterrupted: dict[str, dict[str, float]],
) -> None:
    first = start("half")
    second = start("half")
    heard = listen_until_announced(second)
    cut_off = stop_in_the_middle(first, "half", besides=announced(heard))
    first.kill()
    first.communicate()
    out, err = finish_sweep(second)
    assert "12 runs: 12 done" in out
    assert cut_off.name in announced(err)
    after = logs("half")
    assert count_attempts(after[cut_off.name]) == [False, True]
    assert all(count_attempts(after[name]) == [False] for name in after if name != cut_off.name)
    assert metrics_of("runs/sweeps/half/*") == uninterrupted


def test_two_processes_are_killed_and_started_again(uninterrupted: dict[str, dict[str, float]]) -> None:
    processes = [start("both") for _ in range(2)]
    while len(metrics_of("runs/sweeps/both/*")) < 3:
        time.sleep(0.05)
    for process in processes:
        process.kill()
        process.communicate()
    before = logs("both")
    done = set(metrics_of("runs/sweeps/both/*"))
    assert 3 <= len(done) < 12
    processes = [start("both") for _ in range(2)]
    said = [finish_sweep(process) for process in processes]
    assert all("12 runs: 12 done" in out for out, _ in said)
    begun = [name for _, err in said for name in announced(err)]
    assert sorted(begun) == sorted(set(uninterrupted) - done)
    assert {name: logs("both")[name] for name in done} == {name: before[name] for name in done}
    assert metrics_of("runs/sweeps/both/*") == uninterrupted


def announced(err: str) -> list[str]:
    """The jobs that a process ran."""
    return [line.split()[3] for line in err.splitlines() if " of 12  model=" in line]


def count_attempts(log: str) -> list[bool]:
    """For each attempt at a job, whether it resumed an earlier one."""
    return [line.endswith(", resumed") for line in log.splitlines() if "INFO run folder" in line]


def listen_until_announced(process: subprocess.Popen[str]) -> str:
    heard = ""
    assert process.stderr is not None
    while " of 12  " not in heard.partition("\n")[2]:
        heard += process.stderr.readline()
    return heard


def stop_in_the_middle(process: subprocess.Popen[str], sweep: str, besides: list[str]) -> Path:
    """Halt a process while it runs a job that has a checkpoint; `besides` are run by another one."""
    for _ in range(2400):
        for path in Path("runs/sweeps", sweep).glob("*/checkpoints/last.ckpt"):
            folder = path.parents[1]
            if folder.name not in besides and not (folder / "metrics.json").exists():
                process.send_signal(signal.SIGSTOP)
                if not (folder / "metrics.json").exists():
                    return folder
                process.send_signal(signal.SIGCONT)
        time.sleep(0.02)
    raise AssertionError("no job was in the middle within a minute")

"""Sweeps that are interrupted as a terminal does it: every process of the command gets the signal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from small_runs import finish_sweep, metrics_of, start_sweep

AXIS = ["trainer.max_epochs=12", "seed=0,1,2,3"]
JOBLIB = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]

pytestmark = pytest.mark.slow
needs_joblib = pytest.mark.skipif(
    find_spec("hydra_plugins") is None or find_spec("hydra_plugins.hydra_joblib_launcher") is None,
    reason="hydra-joblib-launcher is not installed: pip install seqtrain[joblib]",
)


@contextmanager
def started(*overrides: str) -> Iterator[subprocess.Popen[str]]:
    """A sweep in a process group of its own, none of which outlives the test."""
    process = start_sweep(*AXIS, *overrides, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(2400):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("did not come about within two minutes")


def folders(pattern: str) -> set[Path]:
    return {
        path.parents[len(Path(pattern).parts) - 1] for path in Path("runs/sweeps/one").glob(f"*/{pattern}")
    }


@pytest.mark.parametrize(
    ("launcher", "num_running"),
    [([], 1), pytest.param(JOBLIB, 2, marks=needs_joblib)],
    ids=["one after the other", "joblib"],
)
def test_ctrl_c_says_what_is_done_running_and_left(launcher: list[str], num_running: int) -> None:
    with started("sweep=one", *launcher) as process:
        # One job is done, and every worker is busy.
        wait_until(lambda: folders("metrics.json") and len(running()) == num_running)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    done, begun = folders("metrics.json"), running()
    names = "|".join(re.escape(path.name) for path in begun)
    said = re.search(
        r"Interrupted\. (\d) of 4 jobs (?:is|are) done, "
        rf"(?:(\d) (?:was|were) running \(((?:{names}|, )+)\), )?"
        r"(\d) (?:is|are) left\. The same command continues them\.\n$",
        err,
    )
    assert said is not None, err
    assert [int(number or 0) for number in said.group(1, 2, 4)] == [
        len(done),
        len(begun),
        4 - len(done) - len(begun),
    ]
    with started("sweep=one", *launcher) as process:
        out, err = finish_sweep(process)
    assert f"4 jobs in runs/sweeps/one, {len(done)} of them done already" in err
    assert "4 runs: 4 done" in out
    with started("sweep=two") as process:
        finish_sweep(process)
    assert metrics_of("runs/sweeps/one/*") == metrics_of("runs/sweeps/two/*")
    assert len(metrics_of("runs/sweeps/one/*")) == 4


def running() -> set[Path]:
    return folders("checkpoints/last.ckpt") - folders("metrics.json")


@needs_joblib
def test_jobs_beside_a_killed_worker_fail_and_the_others_run() -> None:
    with started("sweep=one", *JOBLIB) as process:
        wait_until(lambda: len(running()) == 2)
        os.kill(worker_of(process.pid), signal.SIGKILL)
        out, err = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "Traceback" not in err
    num_failed = err.count(
        "RunError: its process, or another one of the same launcher, died (TerminatedWorkerError)"
    )
    assert num_failed in (1, 2)  # the other one may have been done
    assert all(count in out for count in (f"{num_failed} failed", f"{4 - num_failed} done"))
    with started("sweep=one", *JOBLIB) as process:
        out, _ = finish_sweep(process)
    assert "4 runs: 4 done" in out


def worker_of(pid: int) -> int:
    """One of the processes that joblib started for jobs."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    pids = [int(each) for file in children for each in file.read_text().split()]
    return next(each for each in pids if b"LokyProcess" in Path(f"/proc/{each}/cmdline").read_bytes())

"""A search with Optuna, continued, shared and killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from small_runs import finish_sweep, metrics_of, start_sweep

optuna = pytest.importorskip("optuna", reason="optuna is not installed: pip install seqtrain[search]")

pytestmark = pytest.mark.slow

SPACE = "search.space={model.hidden_size:{low:4,high:32},optimizer.lr:{low:0.001,high:0.1,log:true}}"


def start(*overrides: str) -> subprocess.Popen[str]:
    return start_sweep("search=optuna", "search.startup_trials=3", SPACE, *overrides)


def trials_of(sweep: str) -> list[optuna.trial.FrozenTrial]:
    folder = Path("runs/sweeps", sweep)
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'study.db'}")
    try:
        return optuna.load_study(study_name=sweep, storage=storage).trials
    finally:
        storage.remove_session()
        storage.engine.dispose()  # Python 3.13 warns of a connection that is left open


def logs(sweep: str) -> dict[str, str]:
    return {path.parent.name: path.read_text() for path in Path("runs/sweeps", sweep).glob("*/train.log")}


def test_a_killed_study_is_continued_with_the_trials_of_one_never_stopped() -> None:
    out, _ = finish_sweep(start("search.trials=12", "sweep=whole"))
    assert "12 runs: 12 done" in out
    assert re.search(r"^best of \d+ complete trials( \(\d+ more stopped early\))?: val/accuracy 0", out, re.M)
    process = start("search.trials=12", "sweep=parts")
    deadline = time.monotonic() + 300
    while len(list(Path("runs/sweeps/parts").glob("*/config.yaml"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    before, done = logs("parts"), set(metrics_of("runs/sweeps/parts/*"))
    assert 4 <= len(done) < 12
    out, err = finish_sweep(start("search.trials=12", "sweep=parts"))
    assert "12 runs: 12 done" in out
    assert err.startswith(f"12 trials in runs/sweeps/parts, {len(done)} of them done already\n")
    assert not done & {line.split()[3] for line in err.splitlines() if " of 12  hidden_size=" in line}
    assert {name: text for name, text in logs("parts").items() if name in done} == {
        n: before[n] for n in done
    }
    assert metrics_of("runs/sweeps/parts/*") == metrics_of("runs/sweeps/whole/*")
    assert [trial.params for trial in trials_of("parts")] == [trial.params for trial in trials_of("whole")]
    assert [trial.state for trial in trials_of("parts")] == [trial.state for trial in trials_of("whole")]


def test_the_same_command_runs_up_to_the_number_asked_for() -> None:
    finish_sweep(start("search.trials=2", "sweep=more"))
    _, err = finish_sweep(start("search.trials=3", "sweep=more"))
    assert err.count(" of 3  hidden_size=") == 1
    _, err = finish_sweep(start("search.trials=3", "sweep=more"))
    assert err == "3 trials in runs/sweeps/more, 3 of them done already\n"
    assert len(metrics_of("runs/sweeps/more/*")) == 3


def test_two_workers_share_a_study_and_one_is_killed() -> None:
    first, second = (start("search.trials=6", "sweep=shared") for _ in range(2))
    deadline = time.monotonic() + 300
    while len(list(Path("runs/sweeps/shared").glob("*/config.yaml"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    out, _ = finish_sweep(second)
    assert "6 runs: 6 done" in out
    assert len(metrics_of("runs/sweeps/shared/*")) == 6
    states = [trial.state.name for trial in trials_of("shared")]
    assert len(states) == 6
    assert set(states) <= {"COMPLETE", "PRUNED"}


def test_ctrl_c_says_what_is_done_running_and_left() -> None:
    overrides = ("search.trials=5", "sweep=stopped", "trainer.max_epochs=12", "search.pruner=none")
    process = start(*overrides)
    deadline = time.monotonic() + 300
    while not (done := metrics_of("runs/sweeps/stopped/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    while not (begun := set(logs("stopped")) - set(done)) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith(
        f"Interrupted. 1 of 5 trials is done, 1 running ({begun.pop()}), 3 left. "
        "The same command continues them.\n"
    )
    out, _ = finish_sweep(start(*overrides))
    assert "5 runs: 5 done" in out


def test_a_failing_trial_does_not_end_the_search() -> None:
    process = start("search.trials=2", "sweep=bad", "task=pos", "data.path=nowhere")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "2 of 2 trials are not done; their job.log says why." in err
    assert "no file *train.conllu here" in err


def test_the_journal_and_workers_that_one_command_starts() -> None:
    settings = ("search.storage=journal", "search.workers=2", "search.pruner=hyperband")
    out, _ = finish_sweep(start("search.trials=4", "sweep=journal", *settings))
    assert "4 runs: 4 done" in out
    assert Path("runs/sweeps/journal/study.log").exists()

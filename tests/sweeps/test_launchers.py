"""The launchers that run several jobs at once, each for real, where its extra is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from small_runs import metrics_of, small_overrides

ROOT = Path(__file__).parents[2]
SMALL = [*small_overrides("digits", Path()), "trainer.limit_train_batches=3", "data_dir=none", "logger=none"]

LAUNCHERS = {
    "basic": ("hydra", []),
    "joblib": ("hydra_plugins.hydra_joblib_launcher", ["hydra.launcher.n_jobs=2"]),
    "submitit_local": ("hydra_plugins.hydra_submitit_launcher", ["hydra.launcher.timeout_min=5"]),
    "ray": ("ray", []),
}


def is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("name", LAUNCHERS)
def test_every_launcher_runs_and_continues_the_same_jobs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, settings = LAUNCHERS[name]
    if not is_installed(package):
        pytest.skip(f"{package} is not installed: pip install seqtrain[{name.partition('_')[0]}]")
    monkeypatch.chdir(tmp_path)
    first = run("sweep=one", f"hydra/launcher={name}", *settings, "seed=0,1")
    assert "2 runs: 2 done" in first.stdout, first.stderr
    announced = sorted(re.findall(r"\d of 2  seed=\d", first.stderr))
    assert announced == ["1 of 2  seed=0", "2 of 2  seed=1"]
    again = run("sweep=one", f"hydra/launcher={name}", *settings, "seed=0,1,2")
    assert "3 jobs in runs/sweeps/one, 2 of them done already" in again.stderr
    assert "3 runs: 3 done" in again.stdout, again.stderr
    run("sweep=two", "seed=0,1,2")
    assert metrics_of("runs/sweeps/one/*") == metrics_of("runs/sweeps/two/*")
    assert len(metrics_of("runs/sweeps/one/*")) == 3


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    command = [sys.executable, "-m", "seqtrain", "-m", *SMALL, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)

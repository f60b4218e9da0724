"""The launchers that run several jobs at once, each for real, where its extra is installed."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest
from small_runs import finish_sweep, metrics_of, start_sweep

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
def test_every_launcher_runs_and_continues_the_same_jobs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package, settings = LAUNCHERS[name]
    if not is_installed(package):
        pytest.skip(f"{package} is not installed: pip install seqtrain[{name.partition('_')[0]}]")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    out, err = run("sweep=one", f"hydra/launcher={name}", *settings, "seed=0,1")
    assert "2 runs: 2 done" in out, err
    announced = sorted(re.findall(r"\d of 2  seed=\d", err))
    assert announced == ["1 of 2  seed=0", "2 of 2  seed=1"]
    out, err = run("sweep=one", f"hydra/launcher={name}", *settings, "seed=0,1,2")
    assert "3 jobs in runs/sweeps/one, 2 of them done already" in err
    assert "3 runs: 3 done" in out, err
    run("sweep=two", "seed=0,1,2")
    assert metrics_of("runs/sweeps/one/*") == metrics_of("runs/sweeps/two/*")
    assert len(metrics_of("runs/sweeps/one/*")) == 3


def run(*arguments: str) -> tuple[str, str]:
    return finish_sweep(start_sweep("trainer.limit_train_batches=3", *arguments))

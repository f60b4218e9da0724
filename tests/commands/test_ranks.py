from __future__ import annotations

from pathlib import Path

import pytest

from seqtrain.commands.train import leaders_folder
from seqtrain.config import ConfigError
from seqtrain.runs.folder import RUN_DIR, RunFolder


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (RUN_DIR, "LOCAL_RANK", "SLURM_PROCID", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


def test_a_single_process_leads() -> None:
    assert leaders_folder(None) is None
    assert leaders_folder(Path("runs/a")) is None


def test_a_process_that_lightning_started_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    with RunFolder("runs/a").published():
        folder = leaders_folder(None)
    assert folder is not None
    assert (folder.path, folder.leads) == (Path("runs/a"), False)
    assert leaders_folder(None) is None


def test_slurm_tasks_need_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert leaders_folder(None) is None
    monkeypatch.setenv("SLURM_PROCID", "1")
    with pytest.raises(ConfigError) as refused:
        leaders_folder(None)
    assert refused.value.problems == (
        "run_dir: missing; tasks of one Slurm job need it, since all write one run",
    )
    folder = leaders_folder(Path("runs/a"))
    assert folder is not None
    assert not folder.leads

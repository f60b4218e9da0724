"""Sweeps of runs that take less than a second, in a folder of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from small_runs import small_overrides

from seqtrain.commands.train import main

SMALL = [*small_overrides("digits", Path()), "trainer.limit_train_batches=3", "data_dir=none"]
Command = Callable[..., int]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["seqtrain"])


@pytest.fixture
def sweep() -> Command:
    """Runs `seqtrain -m` in this process."""

    def run(*overrides: str) -> int:
        GlobalHydra.instance().clear()
        return main(["-m", *SMALL, *overrides])

    return run

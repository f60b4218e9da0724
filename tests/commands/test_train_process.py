"""What only a training in a process of its own can show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from small_runs import small_overrides

SMALL = [*small_overrides("digits", Path()), "trainer.limit_train_batches=3", "data_dir=none"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["seqtrain"])


class TestProcess:
    """What only a process of its own can show."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    @pytest.mark.slow
    def test_a_pipe_stays_readable(self) -> None:
        finished = self.run("seqtrain", *SMALL)
        assert finished.returncode == 0
        said = finished.stdout + finished.stderr
        assert "\r" not in said
        assert not [
            word for word in ("litlogger", "litmodels", "GPU available", "Tip", "Warning") if word in said
        ]
        lines = [line for line in said.splitlines() if line and not line.startswith("run folder")]
        assert [line for line, count in Counter(lines).items() if count > 1] == []

    def test_a_refusal_is_quick_and_quiet(self) -> None:
        finished = self.run("seqtrain", "model.hiden_size=3")
        assert finished.returncode == 2
        assert finished.stdout == ""
        assert finished.stderr == (
            "seqtrain: the configuration was refused (1 problem); nothing was run or written.\n"
            "  model.hiden_size: no such key in torch.nn.LSTM; did you mean model.hidden_size?\n"
        )
        assert list(Path.cwd().iterdir()) == []

"""Two processes train one model."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path


def test_two_processes_share_one_run(tmp_path: Path) -> None:
    arguments = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.max_epochs=12"]
    environment = {name: value for name, value in os.environ.items() if name != "LOCAL_RANK"}
    done = subprocess.run(
        [sys.executable, "-m", "seqtrain", *arguments],
        cwd=tmp_path,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs" / "digits" / "lstm").iterdir()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["epochs"] == 12
    assert metrics["test/accuracy"] > 0.8
    # The test part is counted once, not once by each process.
    with (folder / "confusions.csv").open() as file:
        _, *rows = csv.reader(file)
    assert sum(int(count) for _, *counts in rows for count in counts) == 360
    assert metrics["sequences_per_second"] > 0
    assert json.loads((folder / "environment.json").read_text())["device"].startswith("2 x cpu with 1 thread")
    # Each line is said once, by the process that leads.
    assert done.stderr.count("epoch 12/12") == 1
    assert "WARNING" not in (folder / "train.log").read_text()

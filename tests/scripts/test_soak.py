"""A short soak: the long one is run by hand before a release."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_killed_runs_end_as_if_they_had_not_been() -> None:
    command = [sys.executable, "scripts/soak.py", "--kills", "3", "--configurations", "average"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[:3] + row[-1:] for row in rows] == [
        ["configuration", "runs", "kills", "problems"],
        ["average", rows[1][1], "3", "0"],
    ], done.stdout + done.stderr
    assert done.returncode == 0

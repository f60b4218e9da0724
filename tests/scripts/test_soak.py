"""A short soak: the long one is run by hand before a release."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_two_minutes_of_faults_lose_nothing() -> None:
    command = [sys.executable, "scripts/soak.py", "--minutes", "2", "--configurations", "average,tags"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["fault", "tries", "lost", "traceback", "hang", "other"] in rows
    problems = [row[-4:] for row in rows if row[-1].isdigit() and len(row) >= 6]
    assert problems == [["0", "0", "0", "0"]] * 12

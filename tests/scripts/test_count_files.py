"""How many files somebody opens who follows one path through the package: what has been reached is kept."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "count_files.py"
MOST = {"step": 71, "forward": 14, "predict": 50}


@pytest.mark.slow
def test_a_path_leads_through_no_more_files_than_before() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=True)
    counts = {name: int(number) for name, number in re.findall(r"^(\w+): (\d+) files", done.stdout, re.M)}
    assert counts.keys() == MOST.keys()
    assert {name: count for name, count in counts.items() if count > MOST[name]} == {}

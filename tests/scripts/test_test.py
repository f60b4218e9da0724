"""What scripts/test hands to pytest."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the script, a check that passes, and a Python that prints its arguments, one a line."""
    for name, text in {"scripts/check": "exit 0", ".venv/bin/python": 'printf "%s\\n" "$@"'}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    shutil.copy(ROOT / "scripts" / "test", tmp_path / "scripts")
    return tmp_path


def arguments(project: Path, *given: str) -> list[str]:
    done = subprocess.run(
        [project / "scripts" / "test", *given], capture_output=True, text=True, check=True, cwd="/"
    )
    return done.stdout.splitlines()[2:]


PYTEST = ["-n", "auto", "--maxschedchunk", "4"]


def test_by_default_the_quick_tests_run(project: Path) -> None:
    quick = ["-m", "not slow and not browser and not compiler"]
    assert arguments(project) == [*PYTEST, *quick]
    assert arguments(project, "tests/a b", "-x") == [*PYTEST, *quick, "tests/a b", "-x"]


def test_all_leaves_nothing_out(project: Path) -> None:
    assert arguments(project, "all") == PYTEST
    assert arguments(project, "all", "-k", "bilstm") == [*PYTEST, "-k", "bilstm"]


def test_continuous_integration_runs_all() -> None:
    for name in (".ci/run", ".github/workflows/test.yml"):
        assert "scripts/test all\n" in (ROOT / name).read_text()

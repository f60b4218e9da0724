"""The wheel holds what a clone holds: configurations and samples are found where it is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import seqtrain

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel has been unpacked, as pip does."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("seqtrain-*.whl")
    site = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(site: Path, folder: Path, *arguments: str) -> str:
    # The wheel comes before the clone on the path, and the clone is not where the command runs.
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wheel_trains_and_predicts(site: Path, tmp_path: Path) -> None:
    where = run(site, tmp_path, "-c", "import seqtrain.config as c; print(c.CONFIG_DIR)").strip()
    assert Path(where) == site / "seqtrain" / "configs"
    run(site, tmp_path, "-m", "seqtrain", "task=pos", "model=bilstm", "trainer=debug", "run_dir=run")
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["epochs"] == 1
    answer = run(site, tmp_path, "-m", "seqtrain.predict", "run_dir=run", "text=Birds sing.", "format=json")
    assert json.loads(answer)["tokens"] == ["Birds", "sing", "."]


def test_wheel_holds_no_more_than_the_package(site: Path) -> None:
    tops = {path.name for path in site.iterdir()}
    assert tops == {"seqtrain", f"seqtrain-{seqtrain.__version__}.dist-info"}

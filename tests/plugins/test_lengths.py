"""A callback from a plugin file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from event_files import read_images, read_scalars
from small_runs import small_overrides

from seqtrain.__main__ import main

PLUGIN = Path(__file__).with_name("lengths.py")


@pytest.mark.parametrize("task", ["digits", "pos"])
def test_it_writes_to_tensorboard(task: str, treebank: Path, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(PLUGIN.parent), *sys.path])
    callback = "+callbacks.lengths={_target_: lengths.AccuracyByLength}"
    assert main([*small_overrides(task, treebank), "plugins=[lengths]", callback, "run_dir=run"]) == 0
    scalars = read_scalars(Path("run/validation"))
    steps = list(scalars["accuracy_of_long"])
    assert len(steps) == 2  # epochs
    assert all(0 <= share <= 1 for share in scalars["accuracy_of_long"].values())
    assert read_images(Path("run/validation"))["predictions/by length"] == steps[-1:]


def test_the_page_shows_this_file() -> None:
    page = (PLUGIN.parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
    assert f"`lengths.py`:\n\n```python\n{PLUGIN.read_text(encoding='utf-8')}```\n" in page

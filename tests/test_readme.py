"""What the README shows works as it stands there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def user_folder(tmp_path: Path) -> Path:
    """A folder with the files of the README's last examples, and nothing of this package."""
    blocks = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", README, re.DOTALL)
    assert {name for name, _ in blocks} == {
        "mine.py",
        "my_configs/model/leaky.yaml",
        "my_configs/data/first_bit.yaml",
    }
    for name, text in blocks:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as opened:
            opened.write(text)
    return tmp_path


@pytest.mark.parametrize(
    ("shown", "shortened", "least"),
    [
        (
            "python -m seqtrain --config-dir my_configs plugins=[mine] model=leaky model.hidden_size=128",
            ["trainer.max_epochs=30"],
            0.7,
        ),
        (
            "python -m seqtrain --config-dir my_configs plugins=[mine] data=first_bit",
            [],
            0.9,
        ),
    ],
    ids=["backbone", "data"],
)
def test_own_classes_train(user_folder: Path, shown: str, shortened: list[str], least: float) -> None:
    assert shown in README
    arguments = shown.split()[3:]
    command = [sys.executable, "-m", "seqtrain", *arguments, *shortened, "run_dir=run"]
    done = subprocess.run(command, cwd=user_folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((user_folder / "run" / "metrics.json").read_text())
    assert metrics["test/accuracy"] > least


def test_refusal_is_the_one_shown() -> None:
    command = [sys.executable, "-m", "seqtrain", "model.hiden_size=3", "model.dropout=1.5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    shown = re.search(r"    \$ python -m seqtrain model.hiden_size=3.*?\n((?:    .*\n)+)", README)
    assert shown is not None
    assert sorted(done.stderr.splitlines()) == sorted(line[4:] for line in shown[1].splitlines())


def test_every_group_and_choice_is_named() -> None:
    configs = Path(__file__).parents[1] / "configs"
    groups = {folder.name for folder in configs.iterdir() if folder.is_dir() and folder.name != "hydra"}
    assert {group for group in groups if f"`{group}`" not in README} == set()
    listed = groups - {"experiment", "search"}
    choices = {file.stem for group in listed for file in (configs / group).glob("*.yaml")}
    assert {choice for choice in choices if f"`{choice}`" not in README} == set()

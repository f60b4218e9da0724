"""The commands of the README and of docs/extending.md's first sections, copied as they stand, work."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from command_output import run_in_shell

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGURING = (ROOT / "docs" / "configuring.md").read_text(encoding="utf-8")
EXTENDING = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8").partition("\n## A cell\n")[0]
SHELLS = ("bash", "zsh")
NOT_RUN = {
    "scripts/train": "continuous integration begins with it",
    "scripts/test": "this is it",
    "tensorboard --logdir runs": "a server; tests/training/telemetry looks at it in a browser",
    "seqtrain task=pos data=ud model=bilstm": "a download; tests/training trains on the real data",
}


def commands_of(page: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line not in NOT_RUN]


@pytest.mark.slow
def test_the_commands_run_one_after_the_other(tmp_path: Path) -> None:
    for command in ["seqtrain", *commands_of(README)]:  # scripts/train is the first
        done = run_in_shell(command, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    (block,) = re.findall(r"```python\n(import seqtrain\n.*?)```", README, re.DOTALL)
    (tmp_path / "block.py").write_text(block)
    assert "PRON" in run_in_shell(f"{sys.executable} block.py", tmp_path).stdout


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_classes_of_ones_own(tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    files = re.findall(r"^`([\w./]+)`:\n\n```(?:python|yaml)\n(.*?)```", EXTENDING, re.MULTILINE | re.DOTALL)
    for name, text in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for command in commands_of(EXTENDING):
        done = run_in_shell(command, tmp_path, shell)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    accuracy = {
        file.parts[-3]: json.loads(file.read_text())["test/accuracy"]
        for file in sorted(tmp_path.glob("runs/*/*/*/metrics.json"))
    }
    assert accuracy["leaky"] > 0.8
    assert accuracy["lstm"] == 1.0  # first_bit


def test_the_refusal_is_the_one_shown(tmp_path: Path) -> None:
    done = run_in_shell("seqtrain model.hiden_size=3 model.dropout=1.5", tmp_path)
    assert done.returncode == 2
    shown = re.search(r"    \$ seqtrain model.hiden_size=3.*?\n((?:    .*\n)+)", README)
    assert shown is not None
    assert sorted(done.stderr.splitlines()) == sorted(line[4:] for line in shown[1].splitlines())


def test_every_group_and_choice_is_named() -> None:
    configs = ROOT / "configs"
    groups = {folder.name for folder in configs.iterdir() if folder.is_dir() and folder.name != "hydra"}
    assert {group for group in groups if f"`{group}`" not in CONFIGURING} == set()
    listed = groups - {"experiment", "search"}
    choices = {file.stem for group in listed for file in (configs / group).glob("*.yaml")}
    assert {choice for choice in choices if f"`{choice}`" not in CONFIGURING} == set()


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 150

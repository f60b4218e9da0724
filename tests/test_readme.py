"""The README's blocks, copied as they stand, work."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

FILES = re.findall(r"^`([\w./]+)`:\n\n```(?:python|yaml)\n(.*?)```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.partition("  #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]
NOT_RUN = {
    "scripts/train": "continuous integration begins with it",
    "scripts/test": "this is it",
    "tensorboard --logdir runs": "a server; tests/training/telemetry looks at it in a browser",
    "seqtrain task=pos data=ud model=bilstm": "a download; tests/training trains on the real data",
    "seqtrain task=pos data=ud data.path=my_treebank model=bilstm": "tests/docs/test_data.py",
    "seqtrain task=tagging data.path=my_corpus model=bilstm": "tests/docs/test_data.py",
}


@pytest.fixture(scope="module")
def user_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the README's files and nothing of this package."""
    folder = tmp_path_factory.mktemp("user")
    for name, text in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one line as a shell would, with `seqtrain` from this environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_files_are_those_of_the_examples() -> None:
    assert [name for name, _ in FILES] == [
        "leaky.py",
        "my_configs/model/leaky.yaml",
        "first_bit.py",
        "my_configs/data/first_bit.yaml",
    ]


@pytest.mark.slow
def test_the_commands_run_one_after_the_other(user_folder: Path) -> None:
    assert set(NOT_RUN) <= set(COMMANDS)
    for command in COMMANDS:
        if command not in NOT_RUN:
            done = run(command, user_folder)
            assert done.returncode == 0, f"{command}\n{done.stderr}"
    (blocks,) = re.findall(r"```python\n(import seqtrain\n.*?)```", README, re.DOTALL)
    (user_folder / "block.py").write_text(blocks)
    assert "PRON" in run(f"{sys.executable} block.py", user_folder).stdout
    accuracy = {
        file.parts[-3]: json.loads(file.read_text())["test/accuracy"]
        for file in sorted(user_folder.glob("runs/digits/*/*/metrics.json"))
    }
    assert accuracy["leaky"] > 0.8
    assert accuracy["lstm"] == 1.0  # first_bit, the last run with this backbone


def test_the_refusal_is_the_one_shown(tmp_path: Path) -> None:
    done = run("seqtrain model.hiden_size=3 model.dropout=1.5", tmp_path)
    assert done.returncode == 2
    shown = re.search(r"    \$ seqtrain model.hiden_size=3.*?\n((?:    .*\n)+)", README)
    assert shown is not None
    assert sorted(done.stderr.splitlines()) == sorted(line[4:] for line in shown[1].splitlines())


def test_every_group_and_choice_is_named() -> None:
    configs = ROOT / "configs"
    groups = {folder.name for folder in configs.iterdir() if folder.is_dir() and folder.name != "hydra"}
    assert {group for group in groups if f"`{group}`" not in README} == set()
    listed = groups - {"experiment", "search"}
    choices = {file.stem for group in listed for file in (configs / group).glob("*.yaml")}
    assert {choice for choice in choices if f"`{choice}`" not in README} == set()

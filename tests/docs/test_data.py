"""What docs/data.md shows works as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seqtrain.data import sample_dir

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
FILES = re.findall(r"```(?:python|yaml|text)\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the page, and a treebank in place of the one that is downloaded."""
    folder = tmp_path_factory.mktemp("docs")
    for name, text in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    sample = sample_dir("pos_sample")
    assert sample is not None
    (folder / "UD_Irish-IDT").mkdir()
    for split in ("dev", "test"):
        shutil.copy(sample / f"{split}.conllu", folder / "UD_Irish-IDT" / f"ga_idt-ud-{split}.conllu")
    shutil.copy(sample / "dev.conllu", folder / "UD_Irish-IDT" / "ga_idt-ud-train.conllu")
    return folder


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    start = ["-m", "seqtrain"] if words[0] == "seqtrain" else []
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}
    return subprocess.run(
        [sys.executable, *start, *words[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def is_training(command: str) -> bool:
    return "run_dir=" in command


def test_the_page_has_commands_for_every_kind_of_data() -> None:
    trained = [command for command in COMMANDS if is_training(command)]
    assert {re.search(r" (task|data)=(\w+)", each)[2] for each in trained} == {
        *("pos", "tagging", "images", "arrays", "steps", "regression", "parity")
    }
    assert {name for name, _ in FILES} == {
        *("make_chunks.py", "make_images.py", "make_arrays.py", "make_numbers.py"),
        *("mine.py", "my_configs/data/parity.yaml"),
    }


@pytest.mark.slow
def test_every_command_runs_with_a_training_of_three_batches(folder: Path) -> None:
    for command in COMMANDS:
        if command.startswith("git clone"):
            continue
        done = run(f"{command} trainer=debug" if is_training(command) else command, folder)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (folder / "tagged.conllu").read_text().count("\n") == (
        folder / "UD_Irish-IDT" / "ga_idt-ud-test.conllu"
    ).read_text().count("\n")

"""What docs/language_models.md shows works as it stands there, with a small model."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from seqtrain.commands import generate
from seqtrain.config import check_command_line

PAGE = (Path(__file__).parents[2] / "docs" / "language_models.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("#")[0].split()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
KEYS = re.findall(r"`((?:data|model|head|encoder|task|callbacks)[\w.]*=[^`]+)`", PAGE)


@pytest.fixture(scope="module")
def latest(trained_text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose newest run is a language model."""
    folder = tmp_path_factory.mktemp("docs")
    run = folder / "runs" / "language_model" / "bilstm" / "2026-11-30_10-00-00"
    shutil.copytree(trained_text, run)
    return folder


@pytest.mark.parametrize(
    "command", [each for each in COMMANDS if "task=language_model" in each], ids=" ".join
)
def test_trainings_are_accepted(command: list[str]) -> None:
    check_command_line(command[1:])


@pytest.mark.parametrize("key", sorted(set(KEYS)))
def test_keys_are_accepted(key: str) -> None:
    check_command_line(["task=language_model", key])


def test_a_text_is_written(latest: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(latest)
    assert generate.main(["latest", "prompt=the light", "length=300", "temperature=0.7"]) == 0
    assert len(capsys.readouterr().out) == 310


def test_the_python_blocks_run(latest: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(latest)
    scope: dict[str, object] = {}
    for block in CODE:
        exec(block, scope)
    assert capsys.readouterr().out

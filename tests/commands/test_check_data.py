from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from seqtrain.commands.check_data import main


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_digits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "train      1,257  10,056         8       8     8        8\n" in out
    assert "0 of 360 sequences of test (0.0%) are in train too" in out
    assert "40 training batches of at most 32 sequences: 0.0% padding" in out
    assert "the largest training batch (32 sequences of up to 8 steps) needs about" in out


def test_the_task_follows_the_data_and_there_is_a_page(
    treebank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data=ud", f"data.path={treebank}", "page=page.png"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("       sentences  words  shortest")
    assert "different words of train" in out
    assert "of the words of test do not occur in train" in out
    with Image.open("page.png") as image:
        assert image.size == (1430, 1040)
    assert [path.name for path in Path.cwd().iterdir()] == ["page.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["page=page.gif"], "page: got 'page.gif', expected a file that ends in .png, .svg, .pdf"),
        (["data=minst"], "did you mean mnist?"),
        (["data=ud", "task=digits"], "data: task=digits needs data="),
    ],
)
def test_refusals(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("Describe a data set: sizes, lengths, targets")

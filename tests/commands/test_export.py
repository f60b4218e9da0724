from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from seqtrain.commands import export
from seqtrain.commands.export import main

REFUSED = "seqtrain: the configuration was refused (1 problem); nothing was run or written.\n  "
needs_onnx = pytest.mark.skipif(find_spec("onnx") is None, reason="onnx is not installed")


@needs_onnx
def test_three_files(trained_pos: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "tagger.onnx"
    assert main([str(trained_pos), f"output={output}"]) == 0
    files = [tmp_path / name for name in ("tagger.onnx", "tagger.json", "tagger.py")]
    assert capsys.readouterr() == ("".join(f"{file}\n" for file in files), "")
    assert sorted(tmp_path.iterdir()) == sorted(files)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["output=a.pt"], "output: got a.pt, expected a name that ends in .onnx"),
        (["format=torch", "output=a.onnx"], "output: got a.onnx, expected a name that ends in .pt2"),
        (["output=nowhere/a.onnx"], "output: there is no folder nowhere"),
        (["format=keras"], "format: got 'keras', expected one of onnx, torch"),
    ],
)
def test_refusals(trained_pos: Path, arguments: list[str], problem: str, capsys) -> None:
    assert main([str(trained_pos), *arguments]) == 2
    assert capsys.readouterr() == ("", f"{REFUSED}{problem}\n")


@pytest.mark.slow
def test_a_torch_program(trained_pos: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "tagger.pt2"
    assert main([str(trained_pos), "format=torch", f"output={output}"]) == 0
    files = [tmp_path / name for name in ("tagger.pt2", "tagger.json", "tagger.py")]
    assert capsys.readouterr() == ("".join(f"{file}\n" for file in files), "")
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_files_of_another_format_are_kept(trained_pos: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "a.onnx").touch()
    assert main([str(trained_pos), "format=torch", f"output={tmp_path / 'a.pt2'}"]) == 2
    problem = f"output: a.json and a.py belong to {tmp_path / 'a.onnx'}; give another name"
    assert capsys.readouterr() == ("", f"{REFUSED}{problem}\n")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a.onnx"]


def test_without_onnx(trained_pos: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(export, "find_spec", lambda _: None)
    assert main([str(trained_pos), f"output={tmp_path / 'a.onnx'}"]) == 2
    problem = "format: onnx needs the package onnx: pip install 'seqtrain[onnx]'"
    assert capsys.readouterr() == ("", f"{REFUSED}{problem}\n")
    assert list(tmp_path.iterdir()) == []

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
        (["output=nowhere/a.onnx"], "output: there is no folder nowhere"),
        (["format=keras"], "format: got 'keras', expected one of onnx"),
    ],
)
def test_refusals(trained_pos: Path, arguments: list[str], problem: str, capsys) -> None:
    assert main([str(trained_pos), *arguments]) == 2
    assert capsys.readouterr() == ("", f"{REFUSED}{problem}\n")


def test_without_onnx(trained_pos: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(export, "find_spec", lambda _: None)
    assert main([str(trained_pos), f"output={tmp_path / 'a.onnx'}"]) == 2
    problem = "format: onnx needs the package onnx: pip install 'seqtrain[onnx]'"
    assert capsys.readouterr() == ("", f"{REFUSED}{problem}\n")
    assert list(tmp_path.iterdir()) == []

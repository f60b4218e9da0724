"""The blocks of docs/python.md run one after the other, as they stand."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_block(
    trained_pos: Path, trained_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    shutil.copytree(trained_pos, tmp_path / "runs" / "pos" / "bilstm" / "a")
    shutil.copytree(trained_digits, tmp_path / "runs" / "digits" / "lstm" / "a")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, block in enumerate(BLOCKS, start=1):
        if "onnx" not in block or find_spec("onnx") is not None:
            exec(compile(block, f"docs/python.md, block {number}", "exec"), names)
    out = capsys.readouterr().out
    assert out.startswith("[('They', ")
    assert " of dev\n" in out
    assert len(names["runs"]) == 3
    assert names["best"].path == names["run"].path

"""The blocks of docs/lstm.md run one after the other, as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).parents[2] / "docs" / "lstm.md").read_text(encoding="utf-8")


def test_every_block() -> None:
    names: dict[str, Any] = {}
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL), start=1):
        exec(compile(block, f"docs/lstm.md, block {number}", "exec"), names)
    assert set(names) >= {"lstm", "cell", "deep", "both", "ours", "traced"}

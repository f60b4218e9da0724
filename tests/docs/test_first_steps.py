"""docs/notebooks/first_steps.ipynb: its cells run one after the other, and it is stored as it ran."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[2] / "docs" / "notebooks" / "first_steps.ipynb"
CELLS = [
    each for each in json.loads(FILE.read_text(encoding="utf-8"))["cells"] if each["cell_type"] == "code"
]


def test_it_is_stored_with_what_it_shows() -> None:
    assert [cell["execution_count"] for cell in CELLS] == list(range(1, len(CELLS) + 1))
    outputs = [output for cell in CELLS for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} == {"stream", "display_data", "execute_result"}
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    assert str(Path(FILE).parents[2]) not in FILE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict[str, Any] = {}
    shown = [run_cell("".join(cell["source"]), names) for cell in CELLS]
    assert sum(hasattr(value, "_repr_png_") for value in shown) == 1
    accuracies = {model: run.metrics["test/accuracy"] for model, run in names["memory"].items()}
    assert accuracies["rnn"] < 0.5 < 0.8 < accuracies["lstm"]
    assert "light/NOUN ./PUNCT\nPlease/INTJ light/VERB" in capsys.readouterr().out


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; what a notebook would show of its last line, where that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)

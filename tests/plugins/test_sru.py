"""A cell from a plugin file, with gates of its own, in all commands."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from cell_loops import Weights, check_against_loop, check_gradients
from command_output import refused
from event_files import read_scalars
from small_runs import small_overrides
from torch import Tensor

import seqtrain
from seqtrain.__main__ import main
from seqtrain.recurrence import CELLS, Cell

PLUGIN = Path(__file__).with_name("sru.py")
SENTENCE = "The dog will run ."


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugin can be imported, and is known only while the test runs."""
    monkeypatch.syspath_prepend(PLUGIN.parent)
    yield
    CELLS.pop("sru", None)
    sys.modules.pop("sru", None)


def step(x: Tensor, _: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    size = len(c)
    v_f, v_r = w["weight_ch"].chunk(2)
    b_f, b_r = w["bias_ih"].chunk(2)
    w_f, w_r, w_n, w_s = w["weight_ih"].split(size)
    f, r = torch.sigmoid(w_f @ x + v_f * c + b_f), torch.sigmoid(w_r @ x + v_r * c + b_r)
    c = f * c + (1 - f) * (w_n @ x)
    return r * c + (1 - r) * (w_s @ x), c


@pytest.mark.usefixtures("plugin")
def test_equals_a_plain_loop() -> None:
    importlib.import_module("sru")
    check_against_loop("sru", step)
    check_gradients("sru", bias=True)
    check_gradients("sru", bias=False)


@pytest.mark.usefixtures("plugin")
def test_all_commands(treebank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    overrides = [*small_overrides("pos", treebank), "plugins=[sru]", "model=bilstm", "model.cell=sru"]
    overrides += ["model.num_layers=2", "initialization.forget_bias=1.0", "callbacks.weights.every_n_steps=4"]
    run = "run"

    assert main(["check_data", *overrides]) == 0
    assert main([*overrides, f"run_dir={run}"]) == 0
    metrics = json.loads(Path(run, "metrics.json").read_text())
    tags = set(read_scalars(Path(run))) | set(read_scalars(Path(run, "validation")))
    assert {
        "gates/layer1/backward/highway/low",
        "gates/layer0/forward/skipped/mean",
        "gates/layer0/forward/memory/kept",
        "weights/layer0/forward/W_ih/forget/norm",
        "c_n/layer1/backward/norm",
    } <= tags
    assert "gates/layer0/forward/skipped/low" not in tags  # it has no ends

    capsys.readouterr()
    assert main(["evaluate", run, "plugins=[sru]", "format=json"]) == 0
    evaluated = json.loads(capsys.readouterr().out)
    assert evaluated["test/accuracy"] == pytest.approx(metrics["test/accuracy"])
    with monkeypatch.context() as elsewhere:  # in a process that has not imported the plugin
        elsewhere.delitem(CELLS, "sru")
        error = refused(main, ["evaluate", run], capsys)
    assert "model.cell: got 'sru', expected one of " in error
    assert "a cell of your own is known once plugins=[...] names its package" in error

    assert main(["predict", run, "plugins=[sru]", f"text={SENTENCE}", "format=json"]) == 0
    tags_of_words = json.loads(capsys.readouterr().out)["tags"]
    assert len(tags_of_words) == 5

    assert main(["inspect", run, "plugins=[sru]", "examples=4", "output=page.html"]) == 0
    assert '{"name":"highway","kind":"sigmoid","memory":null}' in Path("page.html").read_text("utf-8")
    assert main(["inspect", run, "plugins=[sru]", "examples=4", "output=pictures/"]) == 0
    assert json.loads(Path("pictures/run.json").read_text("utf-8"))["signals"] == [
        "h", "c", "forget", "highway", "candidate", "skipped", "gradient",
    ]  # fmt: skip

    capsys.readouterr()
    assert main(["report", run, "by=model.cell"]) == 0
    assert "sru" in capsys.readouterr().out

    assert main(["export", run, "plugins=[sru]", "output=model.onnx"]) == 2
    assert "model.cell: sru has no ONNX operator; " in capsys.readouterr().err
    assert not Path("model.onnx").exists()
    assert main(["export", run, "plugins=[sru]", "format=torch", "output=program.pt2"]) == 0

    tagger = seqtrain.load(run, plugins=["sru"])
    (sentence,) = tagger.tag([SENTENCE.split()])
    assert list(sentence.tags) == tags_of_words
    assert _run_program(Path("program.pt2"), tagger.spec.targets.names) == tags_of_words


def _run_program(path: Path, names: tuple[str, ...]) -> list[str]:
    description = json.loads(path.with_suffix(".json").read_text("utf-8"))
    words = torch.tensor([[description["words"].get(word.lower(), 1) for word in SENTENCE.split()]])
    letters = torch.zeros(5, max(map(len, SENTENCE.split())), dtype=torch.int64)
    for place, word in enumerate(SENTENCE.split()):
        for position, letter in enumerate(word):
            letters[place, position] = description["characters"].get(letter, 1)
    program = torch.export.load(path).module()
    spelling = torch.arange(5)[None]
    (scores,) = program(words=words, letters=letters, spelling=spelling, lengths=torch.tensor([5]))
    return [names[number] for number in scores[0].argmax(-1).tolist()]


def test_a_plugin_that_cannot_be_imported_is_told_apart(monkeypatch, tmp_path: Path, capsys) -> None:
    (tmp_path / "broken_cell.py").write_text(
        "from seqtrain.recurrence.cells import Cell, register_cell\n\n"
        "@register_cell\nclass Broken(Cell):\n    name = 'lstm'\n    step = None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert refused(main, ["plugins=[broken_cell,nowhere]", "model=bilstm"], capsys).splitlines()[1:] == [
        "  plugins: broken_cell cannot be imported: cell broken_cell.Broken: the name 'lstm' is taken by "
        "seqtrain.recurrence.cells.lstm.LSTM; give it another",
        "  plugins: nowhere cannot be imported: No module named 'nowhere'",
    ]


def test_the_page_shows_this_file() -> None:
    page = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
    assert f"`sru.py`:\n\n```python\n{PLUGIN.read_text(encoding='utf-8')}```\n" in page
    members = {name for name in vars(Cell) if not name.startswith("_")} - {"state_names", "find_gate"}
    assert members | {"name"} <= set(re.findall(r"`(\w+)`", page))

"""An ONNX file and its description from an untrusted source: an answer or one message, whatever they hold."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import seqtrain
from seqtrain.commands.predict import main

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx

from seqtrain.serving.export.files import export_onnx


@pytest.fixture(scope="module")
def exported(trained_pos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    tagger = seqtrain.load(trained_pos)
    export_onnx(tagger.network, tagger.spec, folder / "model.onnx")
    return folder


@pytest.fixture
def foreign(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "foreign"))


def described(folder: Path, **changed: Any) -> None:
    """Change the description beside the model."""
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def save(model: Any, path: Path) -> None:
    """Write another model, and describe it."""
    path.write_bytes(model.SerializeToString())
    described(path.parent, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": ["A"]}, "model.onnx: gives scores of shape "),
        ({"labels": 3}, "model.json: was not written by `seqtrain export`: labels"),
        ({"labels": [None]}, "model.json: was not written by `seqtrain export`: labels"),
        ({"words": [1]}, "model.json: was not written by `seqtrain export`: words"),
        ({"words": {"the": 1 << 30}}, "model.onnx: cannot be run: "),
        ({"words": {"the": "x"}}, "model.json: was not written by `seqtrain export`: words"),
        ({"characters": None}, "model.json: was not written by `seqtrain export`: characters"),
        ({"column": 3}, "model.json: was not written by `seqtrain export`: column"),
        ({"image_size": [28]}, "model.json: was not written by `seqtrain export`: image_size"),
        ({"unknown": "1"}, "model.json: was not written by `seqtrain export`: unknown"),
    ],
)
def test_a_description_of_something_else(
    foreign: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, Any], message: str
) -> None:
    described(foreign, **changed)
    assert main([f"model={foreign}/model.onnx", "text=the dog"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_names_in_the_graph_do_not_reach_the_terminal_raw(foreign: Path, capfd) -> None:
    """onnxruntime's own log would print them."""
    path = foreign / "model.onnx"
    model = onnx.load(path)
    model.graph.initializer.append(
        onnx.helper.make_tensor("\x1b[31munused", onnx.TensorProto.INT64, [1], [7])
    )
    for node in model.graph.node:
        node.name = f"\x1b[31m{node.name}"
    save(model, path)
    assert main([f"model={path}", "text=the dog"]) == 0
    assert "\x1b" not in "".join(capfd.readouterr())
    described(foreign, words={"the": 1 << 30})
    assert main([f"model={path}", "text=the dog"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert r"cannot be run: " in err
    assert r"\x1b[31m" in err
    assert "\x1b" not in err


def test_a_pipe_is_not_waited_for(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (foreign / "model.json").unlink()
    os.mkfifo(foreign / "model.json")
    assert main([f"model={foreign}/model.onnx", "text=the dog"]) == 2
    assert "model.json: is a pipe or a device; expected a regular file" in capsys.readouterr().err

"""An ONNX file and its description from an untrusted source: an answer or one message, whatever they hold."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_output import refused

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
    err = refused(main, [f"model={foreign}/model.onnx", "text=the dog"], capsys)
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
    err = refused(main, [f"model={path}", "text=the dog"], capfd)
    assert r"cannot be run: " in err
    assert r"\x1b[31m" in err
    assert "\x1b" not in err


def test_a_pipe_is_not_waited_for(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (foreign / "model.json").unlink()
    os.mkfifo(foreign / "model.json")
    assert main([f"model={foreign}/model.onnx", "text=the dog"]) == 2
    assert "model.json: is a pipe or a device; expected a regular file" in capsys.readouterr().err


def change(folder: Path, edit: Callable[[onnx.ModelProto], object]) -> Path:
    path = folder / "model.onnx"
    model = onnx.load(path)
    edit(model)
    save(model, path)
    return path


def external(model: onnx.ModelProto) -> None:
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "/etc/hostname", length=1)


def loop(model: onnx.ModelProto) -> None:
    """Count to 2^62 before anything else."""
    count, go_on = (onnx.helper.make_tensor_value_info(name, kind, []) for name, kind in (("n", 7), ("c", 9)))
    body = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["c"], ["d"])], "body", [count, go_on], [go_on_as("d")]
    )
    model.graph.initializer.append(onnx.helper.make_tensor("trips", onnx.TensorProto.INT64, [], [1 << 62]))
    model.graph.node.insert(0, onnx.helper.make_node("Loop", ["trips", ""], [], body=body))


def go_on_as(name: str) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.BOOL, [])


def function(model: onnx.ModelProto) -> None:
    model.functions.append(onnx.helper.make_function("x", "f", [], [], [], []))


def tensor(model: onnx.ModelProto) -> None:
    value = onnx.helper.make_tensor("v", onnx.TensorProto.INT64, [], [1])
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("value", value))


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (external, "the weight constant_1, which lies in another file"),
        (loop, "the operator Loop"),
        (function, "operators of other packages"),
        (tensor, "the attribute value of Cast, which is a tensor or a graph"),
        (
            lambda model: model.opset_import.append(onnx.helper.make_opsetid("x", 1)),
            "operators of other packages",
        ),
        (lambda model: setattr(model.graph.node[0], "domain", "com.microsoft"), "the operator Cast"),
        (lambda model: setattr(model.graph.node[0], "op_type", "\x1b"), r"the operator \x1b"),
        (
            lambda model: model.graph.node.extend(
                [onnx.helper.make_node("Identity", ["words"], ["w"])] * 4000
            ),
            "operators; expected at most 4,000",
        ),
        (lambda model: model.graph.sparse_initializer.append(onnx.SparseTensorProto()), "sparse weights"),
    ],
)
def test_what_an_export_does_not_write_is_refused(
    foreign: Path, capsys: pytest.CaptureFixture[str], edit: Callable[[onnx.ModelProto], object], problem: str
) -> None:
    path = change(foreign, edit)
    err = refused(main, [f"model={path}", "text=the dog"], capsys)
    assert err.startswith(f"{path}: holds ")
    assert f"{problem}; expected a model that `seqtrain export` wrote" in err


def test_what_takes_all_memory_is_refused(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Forty times twice as much: 2^40 numbers."""

    def double(model: onnx.ModelProto) -> None:
        scores = model.graph.node[-1].input[0]
        for number in range(40):
            names = [scores if number == 0 else f"twice_{number}"] * 2
            model.graph.node.append(onnx.helper.make_node("Concat", names, [f"twice_{number + 1}"], axis=0))
        del model.graph.node[-41]
        model.graph.node.append(onnx.helper.make_node("Identity", ["twice_40"], ["scores"]))

    path = change(foreign, double)
    assert f"{path}: cannot be run: " in refused(main, [f"model={path}", "text=the dog"], capsys)


def test_sizes_are_looked_at_first(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("model.onnx", "model.json"):
        with (foreign / name).open("r+b") as file:
            file.truncate(30 << 30)  # zeros that take no room on the disk
        assert main([f"model={foreign}/model.onnx", "text=the dog"]) == 2
        assert f"{foreign}/{name}: has 32,212,254,720 bytes; expected at most " in capsys.readouterr().err
        (foreign / name).write_bytes(b"{}")


@pytest.mark.parametrize("names", [["\ud800"] * 3, ["\x1b[31m", "b\n", "c"]])
def test_names_that_are_no_text(foreign: Path, capsys: pytest.CaptureFixture[str], names: list[str]) -> None:
    description = json.loads((foreign / "model.json").read_text())
    described(foreign, labels=(names * 9)[: len(description["labels"])])
    code = main([f"model={foreign}/model.onnx", "text=the dog", "format=conllu"])
    out, err = capsys.readouterr()
    assert code == (2 if "\ud800" in names else 0)
    assert "\x1b" not in out + err
    assert "Traceback" not in err


@pytest.mark.parametrize("place", range(40))
def test_a_flipped_byte(foreign: Path, capsys: pytest.CaptureFixture[str], place: int) -> None:
    """Damage with a fitting checksum: an answer or one message."""
    path = foreign / "model.onnx"
    content = bytearray(path.read_bytes())
    content[place * 37 % len(content)] ^= 1 << place % 8
    path.write_bytes(content)
    described(foreign, sha256=hashlib.sha256(content).hexdigest())
    assert main([f"model={path}", "text=the dog"]) in (0, 1, 2)
    assert "Traceback" not in capsys.readouterr().err

"""Weights and scores that are nan or infinite: one message and exit code 1, never an answer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import seqtrain
from seqtrain.commands import evaluate, export, inspect, predict
from seqtrain.data import save_sequences
from seqtrain.errors import RunError
from seqtrain.model import BiLSTM, CRFHead, LabelHead, Network, RecurrentBackbone, TagHead, VectorEncoder
from seqtrain.serving.export.files import export_onnx, export_torch
from seqtrain.serving.onnx_predictor import OnnxPredictor
from seqtrain.serving.predictor import Predictor
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs

INPUTS = VectorInputs(feature_size=2, standardization=((0.0, 0.0), (1.0, 1.0)))
SPEC = DataSpec(INPUTS, SequenceClasses(("a", "b", "c")))
NO_ANSWER = (
    "The model's scores are nan or infinite, so there is no answer: its weights, or its states for this "
    "input, are too large. Use another checkpoint, or train again with a lower optimizer.lr.\n"
)


@pytest.fixture
def change(trained_pos: Path, tmp_path: Path) -> Callable[[str, Callable[[Tensor], object]], Path]:
    """Copies a run with one weight of its best checkpoint changed."""

    def copy(name: str, in_place: Callable[[Tensor], object]) -> Path:
        folder = Path(shutil.copytree(trained_pos, tmp_path / "run"))
        path = folder / "checkpoints" / "best.ckpt"
        saved = torch.load(path, weights_only=True)
        in_place(saved["state_dict"][f"network.{name}"])
        torch.save(saved, path)
        return folder

    return copy


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (predict.main, ["text=the dog"]),
        (predict.main, ["text=the dog", "format=json"]),
        (inspect.main, ["text=the dog", "examples=0"]),
        (evaluate.main, ["format=json"]),
        (export.main, ["format=torch"]),
    ],
)
def test_a_weight(value: float, main, arguments: list[str], change, capsys) -> None:
    folder = change("backbone.rnn.bias_hh_l0", lambda weight: weight[:2].fill_(value))
    before = sorted(folder.rglob("*"))
    assert main([str(folder), *arguments]) == 1
    assert capsys.readouterr() == (
        "",
        f"{folder}/checkpoints/best.ckpt: 2 of 48 numbers of the weight backbone.rnn.bias_hh_l0 are nan or "
        "infinite, so that its answers mean nothing. Give another one as checkpoint=FILE, or train again "
        "with a lower optimizer.lr.\n",
    )
    assert sorted(folder.rglob("*")) == before
    with pytest.raises(RunError, match="2 of 48 numbers of the weight"):
        seqtrain.load(folder)


def test_scores_that_overflow(change, capsys) -> None:
    folder = change("head.linear.weight", lambda weight: weight.fill_(3e38))
    for main, last in ((predict.main, "format=json"), (inspect.main, "examples=0")):
        assert main([str(folder), "text=the dog", last]) == 1
        assert capsys.readouterr() == ("", NO_ANSWER)
    assert evaluate.main([str(folder), "format=json"]) == 0
    assert json.loads(capsys.readouterr().out)["test/loss"] is None
    with pytest.raises(RunError, match="are nan or infinite, so there is no answer"):
        seqtrain.load(folder).tag("the dog")


def overflowing(head: type[nn.Module]) -> Network:
    torch.manual_seed(0)
    encoder = VectorEncoder(SPEC)
    backbone = RecurrentBackbone(BiLSTM(encoder.output_size, 4, batch_first=True))
    smoothing = {} if head is CRFHead else {"label_smoothing": 0.0}
    network = Network(encoder, backbone, head(backbone.output_size, 3, dropout=0.0, **smoothing))
    nn.init.constant_(network.head.linear.bias, 3e38)
    nn.init.constant_(network.head.linear.weight, 3e38)
    for name, parameter in backbone.named_parameters():
        nn.init.constant_(parameter, 5.0 if "bias" in name else 0.1)
    return network


@pytest.mark.parametrize("head", [LabelHead, TagHead, CRFHead])
def test_an_onnx_file(head: type[nn.Module], tmp_path: Path, capsys) -> None:
    network, model = overflowing(head), tmp_path / "a.onnx"
    export_onnx(network, SPEC, model)
    sequences = tmp_path / "x.npz"
    save_sequences(sequences, [np.ones((5, 2)), np.ones((3, 2))], ["a", "b"])
    for predictor in (Predictor(network, SPEC), OnnxPredictor(model)):
        with pytest.raises(RunError, match="are nan or infinite, so there is no answer"):
            predictor.label(sequences)
    assert predict.main([f"model={model}", f"input={sequences}", "format=json"]) == 1
    assert capsys.readouterr() == ("", NO_ANSWER)


@pytest.mark.parametrize("export", [export_onnx, pytest.param(export_torch, marks=pytest.mark.slow)])
def test_the_script_beside_a_file(export, tmp_path: Path) -> None:
    files = export(overflowing(TagHead), SPEC, tmp_path / ("a.onnx" if export is export_onnx else "a.pt2"))
    np.save(tmp_path / "x.npy", np.ones((5, 2)))
    command = [sys.executable, str(files[-1]), str(tmp_path / "x.npy")]
    done = subprocess.run(command, capture_output=True, text=True)
    wanted = (1, "", "the scores are nan or infinite, so there is no answer\n")
    assert (done.returncode, done.stdout, done.stderr) == wanted


@pytest.mark.parametrize("export", [export_onnx, export_torch])
def test_a_network_is_not_exported(export, tmp_path: Path) -> None:
    network = overflowing(TagHead)
    nn.init.constant_(network.head.linear.bias, torch.nan)
    with pytest.raises(RunError, match=r"^network: 3 of 3 numbers of the weight head\.linear\.bias are nan"):
        export(network, SPEC, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []

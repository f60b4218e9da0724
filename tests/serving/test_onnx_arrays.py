"""An exported model of sequences of numbers answers as the network that it comes from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from seqtrain.data.files.arrays import save_sequences
from seqtrain.errors import DataError
from seqtrain.model import CRFHead, LabelHead, Network, RecurrentBackbone, VectorEncoder
from seqtrain.serving.predictor import Predictor
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from seqtrain.serving.export.files import export_onnx
from seqtrain.serving.onnx_predictor import OnnxPredictor

INPUTS = VectorInputs(feature_size=2, standardization=((1.0, 2.0), (3.0, 4.0)))
SPEC = DataSpec(INPUTS, SequenceClasses(("a", "b", "c")))
LENGTHS = (4, 1, 7, 4)


def make_predictor(head: type[nn.Module]) -> Predictor:
    torch.manual_seed(0)
    backbone = RecurrentBackbone(nn.GRU(2, 6, batch_first=True, bidirectional=True))
    options = {"label_smoothing": 0.0} if head is LabelHead else {}
    return Predictor(Network(VectorEncoder(SPEC), backbone, head(12, 3, dropout=0.0, **options)), SPEC)


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    draw = np.random.RandomState(0)
    path = tmp_path / "sequences.npz"
    save_sequences(path, [5 * draw.randn(length, 2) for length in LENGTHS], list("abca"))
    return path


@pytest.mark.parametrize("head", [LabelHead, CRFHead])
def test_labels(head: type[nn.Module], sequences: Path, tmp_path: Path) -> None:
    predictor = make_predictor(head)
    export_onnx(predictor.network, SPEC, tmp_path / "a.onnx")
    found, wanted = OnnxPredictor(tmp_path / "a.onnx").label(sequences), predictor.label(sequences)
    assert [each.names for each in found] == [each.names for each in wanted]
    for a, b in zip(found, wanted, strict=True):
        assert a.confidences == pytest.approx(b.confidences, abs=1.1e-4)


@pytest.mark.parametrize("head", [LabelHead, CRFHead])
def test_the_example_runs_by_itself(head: type[nn.Module], sequences: Path, tmp_path: Path) -> None:
    predictor = make_predictor(head)
    export_onnx(predictor.network, SPEC, tmp_path / "a.onnx")
    np.save(tmp_path / "one.npy", np.load(sequences)["x"][: LENGTHS[0]])
    command = [sys.executable, str(tmp_path / "a.py"), str(tmp_path / "one.npy")]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert tuple(done.stdout.split()) == predictor.label(sequences)[0].names


def test_refusals(tmp_path: Path) -> None:
    export_onnx(make_predictor(LabelHead).network, SPEC, tmp_path / "a.onnx")
    model = OnnxPredictor(tmp_path / "a.onnx")
    save_sequences(tmp_path / "other.npz", [np.zeros((3, 5))], ["a"])
    with pytest.raises(DataError, match=r"^5 features; the model was trained on 2$"):
        model.label(tmp_path / "other.npz")
    for each in (model, make_predictor(LabelHead)):
        with pytest.raises(DataError, match=r"^sequences: got ndarray; expected the path of an \.npz file"):
            each.label(np.zeros((3, 2)))
    with pytest.raises(DataError, match="this model does not tag words"):
        model.tag("words")

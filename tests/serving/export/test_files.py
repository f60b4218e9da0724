from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

pytest.importorskip("onnx")

import seqtrain
from seqtrain.serving.export.files import export_onnx


def test_a_model_its_description_and_an_example(trained_pos: Path, tmp_path: Path) -> None:
    predictor = seqtrain.load(trained_pos)
    paths = export_onnx(predictor.network, predictor.spec, tmp_path / "tagger.onnx")
    assert [path.name for path in paths] == ["tagger.onnx", "tagger.json", "tagger.py"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    about = json.loads(paths[1].read_text(encoding="utf-8"))
    assert about["sha256"] == hashlib.sha256(paths[0].read_bytes()).hexdigest()
    assert about["labels"] == list(predictor.spec.targets.names)
    assert about["words"] == predictor.spec.inputs.words.index()
    assert (about["image_size"], about["num_features"], about["column"]) == (None, None, "UPOS")


def test_images_have_a_size_and_no_vocabulary(trained_digits: Path, tmp_path: Path) -> None:
    predictor = seqtrain.load(trained_digits)
    about = json.loads(export_onnx(predictor.network, predictor.spec, tmp_path / "a.onnx")[1].read_text())
    assert (about["image_size"], about["num_features"], about["words"]) == ([8, 8], None, None)

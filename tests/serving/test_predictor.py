from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import seqtrain
from seqtrain.errors import DataError, InputError
from seqtrain.predictions import Classification, TaggedSentence
from seqtrain.serving.predictor import Predictor


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Some of scikit-learn's own scans, from 0 to 1."""
    from sklearn.datasets import load_digits

    return load_digits().images[:12] / 16


class TestTag:
    def test_tokens(self, tagger: Predictor) -> None:
        tagged = tagger.tag([["the", "light", "will", "run", "."], ["!"]])
        assert [each.tokens for each in tagged] == [("the", "light", "will", "run", "."), ("!",)]
        assert [each.tags for each in tagged] == [("DET", "NOUN", "AUX", "VERB", "PUNCT"), ("PUNCT",)]
        assert [len(each.confidences) for each in tagged] == [5, 1]
        assert all(0 < share <= 1 for each in tagged for share in each.confidences)
        assert tagged[0].spans is None

    def test_text(self, tagger: Predictor) -> None:
        text = "the light will run. A dog will see!"
        tagged = tagger.tag(text)
        assert [each.tokens[-1] for each in tagged] == [".", "!"]
        assert [text[start:end] for start, end in tagged[1].spans] == ["A", "dog", "will", "see", "!"]
        (alone,) = tagger.tag([["the", "light", "will", "run", "."]])
        assert tagged[0].tags == alone.tags

    def test_strings(self, tagger: Predictor) -> None:
        texts = ["the light will run. A dog will see!", "a dog."]
        tagged = tagger.tag(texts)
        assert [len(each) for each in tagged] == [10, 3]
        assert tagged[1].tags == ("DET", "NOUN", "PUNCT")
        assert [texts[1][start:end] for start, end in tagged[1].spans] == ["a", "dog", "."]

    def test_more_sentences_than_a_batch_keep_their_order(self, tagger: Predictor) -> None:
        sentences = [["the", "dog"] * (number % 7 + 1) for number in range(600)]
        assert [each.tokens for each in tagger.tag(sentences)] == [tuple(each) for each in sentences]

    def test_nothing(self, tagger: Predictor) -> None:
        assert tagger.tag([]) == []
        assert tagger.tag(" \n") == []

    def test_refusals(self, tagger: Predictor, classifier: Predictor) -> None:
        with pytest.raises(DataError, match="sentence 2 has no words"):
            tagger.tag([["the"], []])
        with pytest.raises(
            DataError, match=r"^sentences\[0\]\[0\]: got 1 of type int; expected a text, a list"
        ):
            tagger.tag([[1]])
        with pytest.raises(DataError, match=r"this model does not tag words; use classify\(inputs\)"):
            classifier.tag("the dog")


class TestClassify:
    def test_arrays(self, classifier: Predictor, images: np.ndarray) -> None:
        found = classifier.classify(images)
        assert sum(each.label == str(number % 10) for number, each in enumerate(found)) >= 6
        assert all(isinstance(each, Classification) and 0 < each.confidence <= 1 for each in found)
        assert classifier.classify(torch.from_numpy(images)) == found
        assert classifier.classify(images[0]) == found[:1]

    def test_paths(self, classifier: Predictor, images: np.ndarray, tmp_path: Path) -> None:
        pixels = np.round(images[:2] * 255).astype(np.uint8)
        np.save(tmp_path / "a.npy", pixels)
        Image.fromarray(pixels[0]).save(tmp_path / "a.png")
        both = classifier.classify(tmp_path / "a.npy")
        assert both == classifier.classify(pixels)
        assert classifier.classify([tmp_path / "a.png", str(tmp_path / "a.npy")]) == [both[0], *both]

    def test_another_size(self, classifier: Predictor, images: np.ndarray) -> None:
        larger = images.repeat(3, axis=1).repeat(3, axis=2)
        with pytest.raises(DataError, match=r"images of 8 x 8 pixels: give resize=true, or resize"):
            classifier.classify(larger)
        labels = [each.label for each in classifier.classify(larger, resize=True)]
        same = [a == each.label for a, each in zip(labels, classifier.classify(images), strict=True)]
        assert sum(same) >= 10

    def test_refusals(self, tagger: Predictor, classifier: Predictor) -> None:
        with pytest.raises(
            DataError, match=r"^this model does not classify images or texts; use tag\(sentences\)$"
        ):
            tagger.classify(np.zeros((8, 8)))
        with pytest.raises(
            DataError, match=r"^values from 0 to 2; expected 0 \(background\) to 1 \(stroke\)"
        ):
            classifier.classify(np.array([[0.0, 2.0]]))
        expected = "expected an array .images, height, width., or the path of a PNG or npy file, or a list of"
        with pytest.raises(DataError, match=f"^images: got both paths and other values; {expected} paths$"):
            classifier.classify(["a.png", np.zeros((8, 8))])
        with pytest.raises(DataError, match=f"^images: cannot be read as an array: .*; {expected} paths$"):
            classifier.classify([[0.0, 1.0], [0.0]])


class TestLoad:
    def test_what_it_offers(self, tagger: Predictor, trained_pos: Path) -> None:
        assert not tagger.network.training
        assert tagger.spec.targets.names == ("AUX", "DET", "NOUN", "PUNCT", "VERB")
        assert isinstance(tagger.tag("the dog")[0], TaggedSentence)

    def test_another_checkpoint(self, trained_pos: Path) -> None:
        last = seqtrain.load(trained_pos, checkpoint=trained_pos / "checkpoints" / "last.ckpt")
        assert last.tag("the dog")[0].tags == ("DET", "NOUN")

    def test_a_folder_that_is_not_a_run_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is not a run folder: it has no"):
            seqtrain.load(tmp_path)

    def test_needs_no_lightning(self, trained_pos: Path) -> None:
        program = (
            "import sys, json, seqtrain;"
            f"print(seqtrain.load({str(trained_pos)!r}).tag('the dog')[0].tags, file=sys.stderr);"
            "print(json.dumps([name.split('.')[0] for name in sys.modules]))"
        )
        command = [sys.executable, "-c", program]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
        )
        assert done.stderr == "('DET', 'NOUN')\n"
        assert {"pytorch_lightning", "torchmetrics", "sklearn", "tensorboard", "PIL"}.isdisjoint(
            json.loads(done.stdout)
        )


def test_names_from_before_are_the_same_classes() -> None:
    program = (
        "from seqtrain.export.files import export_onnx;"
        "from seqtrain.export.onnx_predictor import OnnxPredictor;"
        "import seqtrain.export.files, sys;"
        "from seqtrain.predictor import Predictor, load; import seqtrain, seqtrain.serving as serving;"
        "assert (OnnxPredictor, Predictor) == (serving.OnnxPredictor, serving.Predictor);"
        "assert (export_onnx, load) == (serving.export_onnx, seqtrain.load)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

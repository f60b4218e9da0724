"""An exported model answers as the run that it comes from."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seqtrain.errors import DataError, InputError
from seqtrain.model import CRFHead, LabelHead, Network, RecurrentBackbone
from seqtrain.predictions import Given
from seqtrain.serving.predictor import Predictor
from seqtrain.spec import SequenceClasses

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from seqtrain.serving.crf import CRF
from seqtrain.serving.export.files import export_onnx
from seqtrain.serving.onnx_predictor import OnnxPredictor

TEXT = "the Cat will run. a wug will light!"


@pytest.fixture(scope="module")
def folder(tagger: Predictor, classifier: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds tagger.onnx and digits.onnx with what belongs to them."""
    folder = tmp_path_factory.mktemp("exported")
    export_onnx(tagger.network, tagger.spec, folder / "tagger.onnx")
    export_onnx(classifier.network, classifier.spec, folder / "digits.onnx")
    return folder


def test_tags(tagger: Predictor, folder: Path) -> None:
    model = OnnxPredictor(folder / "tagger.onnx")
    found, wanted = model.tag(TEXT), tagger.tag(TEXT)
    assert [(each.tokens, each.tags, each.spans) for each in found] == [
        (each.tokens, each.tags, each.spans) for each in wanted
    ]
    for a, b in zip(found, wanted, strict=True):
        assert a.confidences == pytest.approx(b.confidences, abs=1.1e-4)


def test_bytes_as_weights_take_less_and_say_nearly_the_same(tagger: Predictor, tmp_path: Path) -> None:
    sizes = {}
    for quantize in (False, True):
        path = tmp_path / f"{quantize}.onnx"
        export_onnx(tagger.network, tagger.spec, path, quantize)
        sizes[quantize] = path.stat().st_size
    assert sizes[True] < 0.8 * sizes[False]  # the graph itself is most of it
    for found, wanted in zip(OnnxPredictor(path).tag(TEXT), tagger.tag(TEXT), strict=True):
        assert found.tags == wanted.tags
        assert found.confidences == pytest.approx(wanted.confidences, abs=0.1)


def test_batches_keep_the_order(tagger: Predictor, folder: Path) -> None:
    sentences = [["the", "dog"] * (number % 40 + 1) for number in range(200)]
    model = OnnxPredictor(folder / "tagger.onnx")
    assert [(each.tokens, each.tags) for each in model.tag(sentences)] == [
        (each.tokens, each.tags) for each in tagger.tag(sentences)
    ]
    assert model.tag([]) == []


def test_strings(tagger: Predictor, folder: Path) -> None:
    texts = ["the light will run. A dog will see!", "a dog."]
    found, wanted = OnnxPredictor(folder / "tagger.onnx").tag(texts), tagger.tag(texts)
    assert [(each.tags, each.spans) for each in found] == [(each.tags, each.spans) for each in wanted]


def test_classes(classifier: Predictor, folder: Path) -> None:
    from sklearn.datasets import load_digits

    images = load_digits().images[:300] / 16
    found = OnnxPredictor(folder / "digits.onnx").classify(images)
    wanted = classifier.classify(images)
    assert [each.label for each in found] == [each.label for each in wanted]
    assert [each.confidence for each in found] == pytest.approx(
        [each.confidence for each in wanted], abs=1.1e-4
    )


def test_a_class_for_each_sentence(tagger: Predictor, tmp_path: Path) -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    encoder = tagger.network.encoder
    backbone = RecurrentBackbone(nn.GRU(encoder.output_size, 4, batch_first=True))
    network = Network(encoder, backbone, LabelHead(4, 2, dropout=0.0, label_smoothing=0.0))
    spec = replace(tagger.spec, targets=SequenceClasses(("good", "bad")))
    export_onnx(network, spec, tmp_path / "a.onnx")
    given = [Given("", ("the", "dog")), Given("", ("a", "wug", "will", "light", "!"))]
    found, wanted = OnnxPredictor(tmp_path / "a.onnx").answer(given), Predictor(network, spec).answer(given)
    assert [each.names for each in found] == [each.names for each in wanted]
    assert [each.confidences[0] for each in found] == pytest.approx(
        [each.confidences[0] for each in wanted], abs=1.1e-4
    )


def test_the_example_for_words_runs_by_itself(tagger: Predictor, folder: Path, tmp_path: Path) -> None:
    tokens = ["the", "Cat", "will", "caf\u00e9", "."]
    command = [sys.executable, str(folder / "tagger.py"), *tokens]
    done = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path)
    (wanted,) = tagger.tag([tokens])
    assert done.stdout.decode().splitlines() == [
        f"{a}\t{b}" for a, b in zip(tokens, wanted.tags, strict=True)
    ]


def test_the_example_for_images_runs_by_itself(classifier: Predictor, folder: Path, tmp_path: Path) -> None:
    images = np.random.RandomState(0).rand(3, 8, 8)
    np.save(tmp_path / "images.npy", images)
    command = [sys.executable, str(folder / "digits.py"), "images.npy"]
    done = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path, text=True)
    assert done.stdout.split() == [each.label for each in classifier.classify(images)]


@pytest.mark.parametrize("name", ["tagger.py", "digits.py"])
def test_examples_are_short_and_import_nothing_else(folder: Path, name: str) -> None:
    lines = (folder / name).read_text().splitlines()
    assert [line for line in lines if line.startswith(("import", "from"))] == [
        "import json, pathlib, sys",
        "import numpy as np, onnxruntime",
    ]
    assert len(lines) <= 21


def test_no_torch_is_imported(folder: Path) -> None:
    program = (
        "import sys; from seqtrain.serving.onnx_predictor import OnnxPredictor;"
        f"OnnxPredictor({str(folder / 'tagger.onnx')!r}).tag('the dog'); print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout == "False\n"


class TestRefusals:
    def test_another_kind_of_input(self, folder: Path) -> None:
        with pytest.raises(
            DataError, match=r"this model does not classify images or texts; use tag\(sentences\)"
        ):
            OnnxPredictor(folder / "tagger.onnx").classify(np.zeros((8, 8)))
        with pytest.raises(DataError, match=r"this model does not tag words; use classify\(inputs\)"):
            OnnxPredictor(folder / "digits.onnx").tag("the dog")

    def test_an_empty_sentence(self, folder: Path) -> None:
        with pytest.raises(DataError, match="sentence 2 has no words"):
            OnnxPredictor(folder / "tagger.onnx").tag([["the"], []])

    def test_words_that_are_no_strings(self, folder: Path) -> None:
        with pytest.raises(DataError, match=r"^sentences\[0\]\[0\]: got None; expected a text, a list of"):
            OnnxPredictor(folder / "tagger.onnx").tag([[None]])

    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"a\.onnx: the file is missing"):
            OnnxPredictor(tmp_path / "a.onnx")

    def test_a_model_without_scores(self, tmp_path: Path) -> None:
        from hashlib import sha256

        from seqtrain.serving.export.description import Description, beside
        from seqtrain.serving.export.graph import FLOAT, Graph

        graph = Graph()
        graph.add_output(graph.add_input("features", FLOAT, ["batch", "time", 1]), "other", FLOAT, [1, 1, 1])
        path = tmp_path / "a.onnx"
        path.write_bytes(graph.build())
        described = Description(("a",), sha256(path.read_bytes()).hexdigest(), num_features=1)
        described.write(beside(path))
        with pytest.raises(DataError, match=r"a\.onnx: has no output scores; expected a model that"):
            OnnxPredictor(path)

    def test_files_that_do_not_belong_together(self, folder: Path, tmp_path: Path) -> None:
        model = tmp_path / "a.onnx"
        model.write_bytes((folder / "tagger.onnx").read_bytes())
        with pytest.raises(
            DataError, match=r"a\.json: is missing; `seqtrain export` writes it beside a\.onnx"
        ):
            OnnxPredictor(model)
        plain = json.loads((folder / "digits.json").read_text())
        for content, problem in (
            (json.dumps(plain), r"a\.json: describes another model than a\.onnx; export both again"),
            (
                json.dumps(plain | {"version": 9}),
                r"a\.json: has version 9, expected 1; export the model again",
            ),
            (json.dumps({"a": 1}), r"a\.json: was not written by `seqtrain export`"),
            ("{", r"a\.json: cannot be read as JSON: "),
        ):
            (tmp_path / "a.json").write_text(content)
            with pytest.raises(DataError, match=problem):
                OnnxPredictor(model)

    def test_without_onnxruntime(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(InputError, match=r"needs onnxruntime: pip install 'seqtrain\[onnx\]'"):
            OnnxPredictor(folder / "tagger.onnx")


@pytest.fixture
def head() -> CRFHead:
    torch.manual_seed(0)
    head = CRFHead(2, 4, dropout=0.0)
    for parameter in (head.transition, head.start, head.end):
        torch.nn.init.normal_(parameter)
    head.forbid(torch.eye(4, dtype=torch.bool), torch.tensor([True, False, False, False]))
    return head


@pytest.mark.parametrize("num_steps", [1, 2, 9])
def test_the_same_as_the_head(head: CRFHead, num_steps: int) -> None:
    crf = CRF(
        *(each.detach().numpy() for each in (head.transition, head.start, head.end)),
        head.allowed_transition.numpy(),
        head.allowed_start.numpy(),
    )
    emissions = torch.randn(1, num_steps, 4)
    lengths = torch.tensor([num_steps])
    assert crf.decode(emissions[0].numpy()).tolist() == head.decode(emissions, lengths)[0].tolist()
    np.testing.assert_allclose(
        crf.probabilities(emissions[0].numpy()), head.probabilities(emissions, lengths)[0].numpy(), atol=1e-6
    )

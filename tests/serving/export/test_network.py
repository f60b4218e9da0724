"""The ONNX model gives the network's scores, on ragged batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from seqtrain.config import ConfigError
from seqtrain.data import encode_images, encode_sentences
from seqtrain.data.view import View
from seqtrain.model import (
    BiLSTM,
    CRFHead,
    Ensemble,
    LabelHead,
    Network,
    RecurrentBackbone,
    TagHead,
    VectorEncoder,
    WordEncoder,
)
from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec, SequenceClasses, StepClasses, VectorInputs, Vocabulary, WordInputs

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from seqtrain.serving.export.network import build_onnx  # noqa: E402

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
CLASSES = SequenceClasses(("a", "b", "c"))
FEATURES = DataSpec(VectorInputs(feature_size=5), CLASSES)
IMAGES = DataSpec(View("rows", 4, 5).inputs, CLASSES)
WORDS = DataSpec(
    WordInputs(
        words=Vocabulary(("light", "run", "far"), (3, 2, 0)),
        characters=Vocabulary(tuple("lightrunfa"), (1,) * 10),
        vector_size=4,
    ),
    StepClasses(("X", "Y", "Z")),
)
SENTENCES = [["Light", "run", "zebra", "far"], ["run"], ["i", "nightlight"]]
BACKBONES = {
    "rnn": lambda: nn.RNN(5, 6, batch_first=True),
    "rnn relu": lambda: nn.RNN(5, 6, batch_first=True, nonlinearity="relu"),
    "lstm": lambda: nn.LSTM(5, 6, batch_first=True),
    "lstm of two layers": lambda: nn.LSTM(5, 6, 2, batch_first=True, dropout=0.5, bidirectional=True),
    "lstm without biases": lambda: nn.LSTM(5, 6, batch_first=True, bias=False),
    "gru of two directions": lambda: nn.GRU(5, 6, 2, bidirectional=True),
    "bilstm": lambda: BiLSTM(5, 6, num_layers=2, batch_first=True),
    "bilstm with gru": lambda: BiLSTM(5, 6, batch_first=True, cell="gru"),
}


def make_network(rnn: nn.Module, pooling: str = "last") -> Network:
    backbone = RecurrentBackbone(rnn)
    return Network(VectorEncoder(FEATURES), backbone, LabelHead(backbone.output_size, 3, 0.5, 0.0, pooling))


def make_tagger(head: type[nn.Module] = TagHead, spec: DataSpec = WORDS, **encoder: int) -> Network:
    sizes = {"word_size": 3, "character_size": 4, "character_hidden_size": 5} | encoder
    encoder_module = WordEncoder(spec, **sizes, unknown_rate=0.5, dropout=0.3)
    backbone = RecurrentBackbone(BiLSTM(encoder_module.output_size, 6, batch_first=True))
    options = {"label_smoothing": 0.0} if head is TagHead else {}
    return Network(encoder_module, backbone, head(backbone.output_size, 3, dropout=0.5, **options))


def ragged(lengths: list[int]) -> SequenceBatch:
    features = torch.randn(len(lengths), max(lengths), 5)
    features[torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None]] = torch.nan  # must not matter
    return SequenceBatch(features, torch.tensor(lengths))


def run(content: bytes, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return onnxruntime.InferenceSession(content).run(["scores"], dict(inputs))[0]


def expected(network: nn.Module, batch: SequenceBatch) -> np.ndarray:
    with torch.inference_mode():
        scores, _ = network.eval()(batch)
    return scores.numpy()


def word_inputs(spec: DataSpec, with_letters: bool = True) -> tuple[SequenceBatch, dict[str, np.ndarray]]:
    batch = encode_sentences(spec, SENTENCES).batch([0, 1, 2])
    words = batch.inputs
    inputs = {"words": words.word.numpy(), "lengths": batch.lengths.numpy()}
    letters = {"letters": words.characters.numpy(), "spelling": words.spelling.numpy()}
    return batch, inputs | (letters if with_letters else {})


def assert_same_within_lengths(found: np.ndarray, wanted: np.ndarray, lengths: torch.Tensor) -> None:
    for row, length in enumerate(lengths.tolist()):
        np.testing.assert_allclose(found[row, :length], wanted[row, :length], **TOLERANCE)


@pytest.mark.parametrize("name", BACKBONES)
class TestBackbones:
    @pytest.mark.parametrize("lengths", [[4, 1, 3], [2, 2], [1]])
    def test_scores(self, name: str, lengths: list[int]) -> None:
        torch.manual_seed(0)
        network = make_network(BACKBONES[name]())
        batch = ragged(lengths)
        inputs = {"features": torch.nan_to_num(batch.inputs).numpy(), "lengths": batch.lengths.numpy()}
        np.testing.assert_allclose(
            run(build_onnx(network, FEATURES), inputs), expected(network, batch), **TOLERANCE
        )

    def test_one_node_a_layer(self, name: str) -> None:
        rnn = BACKBONES[name]()
        model = onnx.load_from_string(build_onnx(make_network(rnn), FEATURES))
        nodes = Counter(node.op_type for node in model.graph.node)
        assert nodes["RNN"] + nodes["LSTM"] + nodes["GRU"] == rnn.num_layers


def test_features_are_standardized_in_the_model() -> None:
    torch.manual_seed(0)
    mean, deviation = (1.0, 2.0, 3.0, 4.0, 5.0), (2.0, 3.0, 4.0, 5.0, 6.0)
    spec = DataSpec(VectorInputs(feature_size=5, standardization=(mean, deviation)), CLASSES)
    network, batch = make_network(nn.LSTM(5, 6, batch_first=True)), ragged([3, 3])
    raw = batch.inputs * torch.tensor(deviation) + torch.tensor(mean)
    inputs = {"features": raw.numpy(), "lengths": batch.lengths.numpy()}
    np.testing.assert_allclose(run(build_onnx(network, spec), inputs), expected(network, batch), **TOLERANCE)


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("view", [None, "rows", "columns", "pixels", "permuted"])
def test_pooling_and_views(pooling: str, view: str | None) -> None:
    torch.manual_seed(0)
    if view is None:
        spec, batch = FEATURES, ragged([4, 1, 3])
        inputs = {"features": torch.nan_to_num(batch.inputs).numpy(), "lengths": batch.lengths.numpy()}
    else:
        images = np.random.RandomState(0).rand(2, 4, 3).astype(np.float32)
        spec = DataSpec(View(view, 4, 3).inputs, CLASSES)
        batch, inputs = encode_images(spec, images).batch([0, 1]), {"images": images}
    backbone = RecurrentBackbone(nn.LSTM(spec.inputs.feature_size, 6, batch_first=True, bidirectional=True))
    network = Network(VectorEncoder(spec), backbone, LabelHead(12, 3, 0.0, 0.0, pooling))
    np.testing.assert_allclose(run(build_onnx(network, spec), inputs), expected(network, batch), **TOLERANCE)


class TestTaggers:
    @pytest.mark.parametrize("head", [TagHead, CRFHead])
    @pytest.mark.parametrize("vector_size", [None, 4])
    @pytest.mark.parametrize("sizes", [{}, {"word_size": 0}, {"character_hidden_size": 0}])
    def test_scores(self, head: type[nn.Module], vector_size: int | None, sizes: dict[str, int]) -> None:
        torch.manual_seed(0)
        spec = replace(WORDS, inputs=replace(WORDS.inputs, vector_size=vector_size))
        tagger = make_tagger(head, spec, **sizes)
        if vector_size:
            tagger.encoder.load_vectors(torch.randn(len(spec.inputs.words), vector_size))
        batch, inputs = word_inputs(spec, with_letters="character_hidden_size" not in sizes)
        content = build_onnx(tagger, spec)
        needed = {each.name for each in onnxruntime.InferenceSession(content).get_inputs()}
        found = run(content, {name: value for name, value in inputs.items() if name in needed})
        assert_same_within_lengths(found, expected(tagger, batch), batch.lengths)

    @pytest.mark.parametrize("letters", [range(1, 40), [1], [2, 2000, 5, 300, 64]])
    def test_spellings_of_any_length(self, letters: Iterable[int]) -> None:
        torch.manual_seed(0)
        tagger = make_tagger()
        batch = encode_sentences(WORDS, [["ab" * each for each in letters], ["run"]]).batch([0, 1])
        words = batch.inputs
        inputs = {"words": words.word, "letters": words.characters, "spelling": words.spelling}
        found = run(
            build_onnx(tagger, WORDS),
            {name: each.numpy() for name, each in (inputs | {"lengths": batch.lengths}).items()},
        )
        assert_same_within_lengths(found, expected(tagger, batch), batch.lengths)

    def test_an_ensemble(self) -> None:
        torch.manual_seed(0)
        ensemble = Ensemble([make_tagger(), make_tagger(), make_tagger()])
        batch, inputs = word_inputs(WORDS)
        assert_same_within_lengths(
            run(build_onnx(ensemble, WORDS), inputs), expected(ensemble, batch), batch.lengths
        )


@pytest.mark.parametrize(
    ("network", "spec", "shapes"),
    [
        (make_network(nn.GRU(5, 6)), FEATURES, {"features": ["batch", "time", 5], "lengths": ["batch"]}),
        (
            make_network(nn.GRU(5, 6)),
            DataSpec(View("rows", 4, 5).inputs, CLASSES),
            {"images": ["batch", 4, 5]},
        ),
        (
            make_tagger(character_hidden_size=0),
            WORDS,
            {"words": ["batch", "time"], "lengths": ["batch"]},
        ),
        (
            make_tagger(),
            WORDS,
            {
                "words": ["batch", "time"],
                "letters": ["spellings", "letters"],
                "spelling": ["batch", "time"],
                "lengths": ["batch"],
            },
        ),
    ],
)
def test_inputs_have_the_shapes_of_the_data(
    network: Network, spec: DataSpec, shapes: dict[str, list[str | int]]
) -> None:
    session = onnxruntime.InferenceSession(build_onnx(network, spec))
    assert {each.name: each.shape for each in session.get_inputs()} == shapes


def own_kind(kind: type[nn.Module], *arguments: object) -> nn.Module:
    """A module of a subclass, which may compute something else."""
    return type("Own", (kind,), {})(*arguments)


class Other(nn.Module):
    output_size = 5


OWN_ENCODER, OWN_HEAD = own_kind(VectorEncoder, FEATURES), own_kind(LabelHead, 6, 3, 0.0, 0.0)


class TestRefusals:
    @pytest.mark.parametrize("cell", ["lstm_layernorm", "lstm_peephole", "lstm_coupled"])
    def test_cells_without_an_operator(self, cell: str) -> None:
        with pytest.raises(
            ConfigError, match=f"model.cell: {cell} has no ONNX operator; gru, lstm, rnn_tanh, rnn_relu have"
        ):
            build_onnx(make_network(BiLSTM(5, 6, cell=cell)), FEATURES)

    @pytest.mark.parametrize(
        ("rnn", "name"),
        [
            (own_kind(nn.GRU, 5, 6), "Own"),
            (own_kind(BiLSTM, 5, 6), "Own"),
            (nn.LSTM(5, 6, proj_size=3), "LSTM with projections"),
        ],
    )
    def test_recurrent_modules_that_cannot_be_traced(self, rnn: nn.Module, name: str) -> None:
        with pytest.raises(ConfigError, match=f"model: {name} cannot be traced"):
            build_onnx(make_network(rnn), FEATURES)

    @pytest.mark.parametrize(
        ("part", "module", "problem"),
        [
            (
                "encoder",
                own_kind(VectorEncoder, FEATURES),
                "encoder: Own cannot be exported; words, tokens and vectors",
            ),
            (
                "head",
                own_kind(LabelHead, 6, 3, 0.0, 0.0),
                "head: Own cannot be exported; label, tags, crf, numbers and",
            ),
            ("head", Other(), "head: Other cannot be exported; label, tags, crf, numbers and"),
            ("backbone", Other(), "model: Other cannot be exported as ONNX"),
        ],
    )
    def test_modules_of_others(self, part: str, module: nn.Module, problem: str) -> None:
        network = make_network(nn.LSTM(5, 6))
        setattr(network, part, module)
        with pytest.raises(ConfigError, match=problem):
            build_onnx(network, FEATURES)

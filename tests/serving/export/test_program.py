"""A program of torch.export gives the network's scores, on ragged batches of any size."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import seqtrain
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
from seqtrain.serving.crf import CRF_TENSORS
from seqtrain.serving.export.files import export_torch
from seqtrain.serving.export.program import build_program
from seqtrain.serving.export.scan import ScannedRecurrence
from seqtrain.spec import DataSpec, SequenceClasses, StepClasses, VectorInputs, Vocabulary, WordInputs

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
STANDARDIZATION = ((1.0, 2.0, 3.0, 4.0, 5.0), (2.0, 3.0, 4.0, 5.0, 6.0))
CLASSES = SequenceClasses(("a", "b", "c"))
FEATURES = DataSpec(VectorInputs(feature_size=5, standardization=STANDARDIZATION), CLASSES)
WORDS = DataSpec(
    WordInputs(
        words=Vocabulary(("light", "run", "far"), (3, 2, 0)),
        characters=Vocabulary(tuple("lightrunfa"), (1,) * 10),
        vector_size=4,
    ),
    StepClasses(("X", "Y", "Z")),
)
BACKBONES = {
    "rnn relu": lambda: nn.RNN(5, 6, batch_first=True, nonlinearity="relu"),
    "lstm": lambda: nn.LSTM(5, 6, 2, batch_first=True, dropout=0.5, bidirectional=True, bias=False),
    "gru": lambda: nn.GRU(5, 6),
    "bilstm": lambda: BiLSTM(5, 6, num_layers=2, batch_first=True),
    "bilstm with layer norm": lambda: BiLSTM(5, 6, batch_first=True, cell="lstm_layernorm"),
    "bilstm with peepholes": lambda: BiLSTM(5, 6, batch_first=True, cell="lstm_peephole"),
}


def load_again(network: nn.Module, spec: DataSpec) -> nn.Module:
    """The program after a way through a file."""
    content = BytesIO()
    torch.export.save(build_program(network.eval(), spec), content)
    content.seek(0)
    return torch.export.load(content).module()


def expected(network: nn.Module, batch: SequenceBatch) -> Tensor:
    with torch.inference_mode():
        scores, _ = network.eval()(batch)
    return scores.clone()


def make_tagger(head: type[nn.Module]) -> Network:
    encoder = WordEncoder(WORDS, 3, 4, 5, unknown_rate=0.5, dropout=0.3)
    encoder.load_vectors(torch.randn(len(WORDS.inputs.words), 4))
    backbone = RecurrentBackbone(BiLSTM(encoder.output_size, 6, batch_first=True))
    options = {"label_smoothing": 0.0} if head is TagHead else {}
    return Network(encoder, backbone, head(backbone.output_size, 3, dropout=0.5, **options))


def encode(sentences: list[list[str]]) -> tuple[SequenceBatch, dict[str, Tensor]]:
    """The batch for the network, and the inputs of the program."""
    batch = encode_sentences(WORDS, sentences).batch(range(len(sentences)))
    words = batch.inputs
    inputs = {"words": words.word, "letters": words.characters, "spelling": words.spelling}
    return batch, {name: each.long() for name, each in inputs.items()} | {"lengths": batch.lengths}


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["last", "max"])
@pytest.mark.parametrize("name", BACKBONES)
def test_sequences_of_numbers(name: str, pooling: str) -> None:
    torch.manual_seed(0)
    backbone = RecurrentBackbone(BACKBONES[name]())
    head = LabelHead(backbone.output_size, 3, 0.5, 0.0, pooling)
    network = Network(VectorEncoder(FEATURES), backbone, head)
    program = load_again(network, FEATURES)
    for lengths in (torch.tensor([4, 1, 3, 9, 2]), torch.tensor([2]), torch.tensor([1])):
        raw = torch.randn(len(lengths), int(lengths.max()), 5)
        raw[torch.arange(raw.shape[1]) >= lengths[:, None]] = torch.nan  # must not matter
        mean, deviation = map(torch.tensor, STANDARDIZATION)
        wanted = expected(network, SequenceBatch((raw - mean) / deviation, lengths))
        (found,) = program(features=raw, lengths=lengths)
        torch.testing.assert_close(found, wanted, **TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda: make_tagger(TagHead), lambda: make_tagger(CRFHead)])
def test_words(make) -> None:
    torch.manual_seed(0)
    tagger = make()
    program = load_again(tagger, WORDS)
    for sentences in (
        [["Light", "run", "zebra", "far"], ["run"], ["i", "nightlight"]],
        [["i"]],
        [["a", "run"]],
    ):
        batch, inputs = encode(sentences)
        found, *parameters = program(**inputs)
        wanted = expected(tagger, batch)
        for row, length in enumerate(batch.lengths.tolist()):
            torch.testing.assert_close(found[row, :length], wanted[row, :length], **TOLERANCE)
        for name, tensor in zip(CRF_TENSORS, parameters, strict=isinstance(tagger.head, CRFHead)):
            torch.testing.assert_close(tensor, getattr(tagger.head, name))


@pytest.mark.slow
def test_an_ensemble() -> None:
    torch.manual_seed(0)
    ensemble = Ensemble([make_tagger(TagHead), make_tagger(TagHead)])
    batch, inputs = encode([["Light", "run"], ["far", "run"]])
    (found,) = load_again(ensemble, WORDS)(**inputs)
    torch.testing.assert_close(found, expected(ensemble, batch), **TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("view", ["rows", "permuted"])
def test_images(view: str) -> None:
    torch.manual_seed(0)
    spec = DataSpec(View(view, 4, 3).inputs, CLASSES)
    backbone = RecurrentBackbone(nn.LSTM(spec.inputs.feature_size, 6, batch_first=True))
    network = Network(VectorEncoder(spec), backbone, LabelHead(6, 3, 0.0, 0.0))
    images = torch.rand(2, 4, 3)
    (found,) = load_again(network, spec)(images=images)
    batch = encode_images(spec, images.numpy()).batch([0, 1])
    torch.testing.assert_close(found, expected(network, batch), **TOLERANCE)


@pytest.mark.slow
def test_the_examples_run_without_seqtrain(trained_pos: Path, trained_digits: Path, tmp_path: Path) -> None:
    tagger, classifier = seqtrain.load(trained_pos), seqtrain.load(trained_digits)
    export_torch(tagger.network, tagger.spec, tmp_path / "tagger.pt2")
    export_torch(classifier.network, classifier.spec, tmp_path / "digits.pt2")
    tokens, images = ["the", "Cat", "will", "caf\u00e9", "."], np.random.RandomState(0).rand(3, 8, 8)
    np.save(tmp_path / "images.npy", images)
    (tagged,) = tagger.tag([tokens])
    pairs = zip(tokens, tagged.tags, strict=True)
    assert _run(tmp_path / "tagger.py", *tokens) == [f"{token}\t{tag}" for token, tag in pairs]
    labels = [each.label for each in classifier.classify(images)]
    assert _run(tmp_path / "digits.py", str(tmp_path / "images.npy")) == labels


def _run(script: Path, *arguments: str) -> list[str]:
    """What a script prints where seqtrain cannot be imported."""
    (script.parent / "seqtrain.py").write_text("raise ImportError('not here')")
    done = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, check=True, cwd=script.parent
    )
    return done.stdout.decode().splitlines()


class TestRefusals:
    def test_a_backbone_of_others_that_takes_sequences_of_one_length(self) -> None:
        class Looping(nn.Module):
            output_size = 5

            def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, None]:
                states = [features[:, step].tanh() for step in range(features.shape[1])]
                return torch.stack(states, dim=1), states[-1], None

        network = Network(VectorEncoder(FEATURES), RecurrentBackbone(nn.GRU(5, 5)), LabelHead(5, 3, 0.0, 0.0))
        network.backbone = Looping()
        with pytest.raises(ConfigError, match=r"torch\.export cannot record Looping: Constraints"):
            build_program(network, FEATURES)

    def test_projections(self) -> None:
        backbone = RecurrentBackbone(nn.LSTM(5, 6, proj_size=3, batch_first=True))
        network = Network(VectorEncoder(FEATURES), backbone, LabelHead(3, 3, 0.0, 0.0))
        with pytest.raises(
            ConfigError, match="model: LSTM with projections cannot be traced, got: proj_size=3; only"
        ):
            build_program(network, FEATURES)

    def test_a_subclass_of_the_crf(self) -> None:
        class SkipCRF(CRFHead):
            pass

        head = SkipCRF(6, 3, dropout=0.0)
        network = Network(VectorEncoder(FEATURES), RecurrentBackbone(nn.GRU(5, 6)), head)
        with pytest.raises(ConfigError, match="head: SkipCRF, a subclass of CRFHead, cannot be exported"):
            build_program(network, FEATURES)

    def test_an_encoder_of_others(self) -> None:
        class Encoder(nn.Module):
            output_size = 5

        network = Network(Encoder(), RecurrentBackbone(nn.LSTM(5, 6)), LabelHead(6, 3, 0.0, 0.0))
        with pytest.raises(ConfigError, match="encoder: Encoder cannot be exported; words, tokens and"):
            build_program(network, FEATURES)


LENGTHS = torch.tensor([4, 1, 3])


@pytest.mark.parametrize(
    "rnn",
    [
        nn.RNN(2, 3, batch_first=True),
        nn.LSTM(2, 3, 2, batch_first=True, bidirectional=True),
        BiLSTM(2, 3, batch_first=True, cell="gru"),
        BiLSTM(2, 3, 2, batch_first=True, cell="lstm_layernorm"),
    ],
    ids=["rnn", "lstm", "gru", "lstm_layernorm"],
)
def test_states_are_those_of_the_module(rnn: nn.Module) -> None:
    torch.manual_seed(0)
    features = torch.randn(3, 4, 2)
    backbone = RecurrentBackbone(rnn)
    with torch.no_grad():
        expected, summary, final = backbone(features, LENGTHS)
        found, found_summary, last = ScannedRecurrence(rnn)(features, LENGTHS)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found_summary, summary, rtol=1e-5, atol=1e-6)
    # The final states of the last layer.
    torch.testing.assert_close(last.h_n, final.h_n[-len(last.h_n) :], rtol=1e-5, atol=1e-6)


def test_what_is_beyond_a_sequence_does_not_matter() -> None:
    rnn = nn.GRU(2, 3, batch_first=True, bidirectional=True)
    features = torch.randn(3, 4, 2)
    beyond = torch.arange(4) >= LENGTHS[:, None]
    with torch.no_grad():
        states, *_ = ScannedRecurrence(rnn)(features, LENGTHS)
        others, *_ = ScannedRecurrence(rnn)(features.masked_fill(beyond[..., None], 9.0), LENGTHS)
    assert torch.equal(states, others)
    assert (states[beyond] == 0).all()

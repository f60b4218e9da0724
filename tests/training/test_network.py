from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from seqtrain.config import ConfigError
from seqtrain.model import BiLSTM
from seqtrain.spec import DataSpec, SequenceClasses, StepClasses, VectorInputs, Vocabulary, WordInputs
from seqtrain.training.build import build_learner
from seqtrain.training.network import build_network, load_trained

SPEC = DataSpec(VectorInputs(feature_size=8), SequenceClasses(tuple("0123456789")))
CLASSES = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "bilstm": BiLSTM}


def module(cfg: DictConfig, spec: DataSpec = SPEC) -> torch.nn.RNNBase | BiLSTM:
    backbone = build_network(cfg, spec).backbone
    assert isinstance(backbone.rnn, torch.nn.RNNBase | BiLSTM)
    return backbone.rnn


@pytest.mark.parametrize("model", CLASSES)
def test_all_parameters_reach_the_module_in_every_combination(compose, model: str) -> None:
    choices = {
        "num_layers": (1, 2),
        "bias": (True, False),
        "batch_first": (True, False),
        "dropout": (0.0, 0.25),
        "bidirectional": (True, False),
    }
    if model == "rnn":
        choices["nonlinearity"] = ("tanh", "relu")
    cfg = compose(f"model={model}", "model.hidden_size=3")
    for values in itertools.product(*choices.values()):
        cfg.model.update(dict(zip(choices, values, strict=True)))
        rnn = module(cfg)
        assert type(rnn) is CLASSES[model]
        assert (rnn.input_size, rnn.hidden_size) == (8, 3)
        assert tuple(getattr(rnn, name) for name in choices) == values


@pytest.mark.parametrize("model", CLASSES)
def test_all_parameters_are_taken_from_the_command_line(compose, model: str) -> None:
    wanted = {"input_size": 8, "hidden_size": 5, "num_layers": 3, "bias": False, "batch_first": False}
    wanted |= {"dropout": 0.125, "bidirectional": True}
    if model == "rnn":
        wanted["nonlinearity"] = "relu"
    cfg = compose(f"model={model}", *(f"model.{key}={value}" for key, value in wanted.items()))
    assert {key: getattr(module(cfg), key) for key in wanted} == wanted


@pytest.mark.parametrize(
    ("overrides", "size", "shapes"),
    [
        (
            ["model=rnn", "model.num_layers=4"],
            100,
            {"input": (20, 3, 100), "output": (20, 3, 20), "h": (4, 3, 20)},
        ),
        (
            ["model=lstm", "model.num_layers=2"],
            10,
            {"input": (5, 3, 10), "output": (5, 3, 20), "h": (2, 3, 20)},
        ),
    ],
)
def test_torchs_documented_examples(compose, overrides: list[str], size: int, shapes) -> None:
    cfg = compose(*overrides, "model.hidden_size=20", "model.batch_first=false")
    rnn = module(cfg, DataSpec(VectorInputs(feature_size=size), SequenceClasses(("a", "b"))))
    output, final = rnn(torch.randn(shapes["input"]))
    assert output.shape == shapes["output"]
    for state in final if isinstance(final, tuple) else (final,):
        assert state.shape == shapes["h"]


def test_an_input_size_that_the_encoder_does_not_give(compose) -> None:
    cfg = compose()
    cfg.model.input_size = 9
    with pytest.raises(ConfigError) as caught:
        build_network(cfg, SPEC)
    assert str(caught.value).splitlines()[1].strip() == (
        "model.input_size: got 9, but the data and the encoder give 8 numbers per step; "
        "leave it out, or give null"
    )


def test_word_vectors_need_an_encoder_with_a_place_for_them(compose) -> None:
    with pytest.raises(ConfigError) as caught:
        build_learner(compose(), SPEC, vectors=torch.zeros(2, 3))
    assert caught.value.problems == (
        "encoder: the data has word vectors, and VectorEncoder has no method load_vectors for them",
    )


def test_every_member_gets_the_word_vectors(compose) -> None:
    words = Vocabulary(("a", "b"), (2, 0))
    spec = DataSpec(WordInputs(words=words, characters=words, vector_size=3), StepClasses(("X", "Y")))
    vectors = torch.arange(12.0).view(4, 3)
    network = build_learner(compose("members=2", task="pos"), spec, vectors).network
    assert [torch.equal(member.encoder.word_vectors, vectors) for member in network.members] == [True, True]


def test_a_network_comes_back_from_a_checkpoint_ready_to_evaluate(compose, tmp_path: Path) -> None:
    cfg = compose("model=bilstm")
    learner = build_learner(cfg, SPEC)
    path = tmp_path / "some.ckpt"
    torch.save({"state_dict": learner.state_dict(), "spec": SPEC.to_dict()}, path)
    trained = load_trained(cfg, path)
    assert trained.spec == SPEC
    assert not trained.network.training
    for name, value in learner.network.state_dict().items():
        assert torch.equal(trained.network.state_dict()[name], value)


def test_a_checkpoint_of_another_model_is_refused(compose, tmp_path: Path) -> None:
    path = tmp_path / "some.ckpt"
    torch.save({"state_dict": build_learner(compose(), SPEC).state_dict(), "spec": SPEC.to_dict()}, path)
    with pytest.raises(ConfigError) as caught:
        load_trained(compose("model.num_layers=2"), path)
    assert caught.value.problems[0].startswith(
        f"checkpoint: {path} comes from another model: Missing key(s) in state_dict: "
        '"network.backbone.rnn.weight_ih_l1"'
    )


def test_a_network_is_built_and_loaded_without_lightning() -> None:
    """Importing Lightning takes seconds, which a prediction should not wait for."""
    heavy = ["pytorch_lightning", "lightning_fabric", "torchmetrics", "sklearn"]
    code = (
        "import sys; import seqtrain.training, seqtrain.analysis, seqtrain.training.network, "
        "seqtrain.training.checkpoint; from seqtrain.config import compose_config; "
        "from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs; "
        "cfg = compose_config(['model=bilstm', 'logger=none']); "
        "spec = DataSpec(VectorInputs(feature_size=8), SequenceClasses(('a', 'b'))); "
        "seqtrain.training.network.build_network(cfg, spec); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_module_that_is_no_backbone_is_refused(compose) -> None:
    cfg = compose("model=lstm", "model.hidden_size=3")
    cfg.model = {"_target_": "torch.nn.LSTMCell", "hidden_size": 3}
    with pytest.raises(ConfigError) as caught:
        build_network(cfg, SPEC)
    assert caught.value.problems == (
        "model: LSTMCell is no backbone: it has neither output_size nor, as torch.nn.LSTM has, "
        "bidirectional, batch_first",
    )

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from seqtrain.config import ConfigError, compose_config
from seqtrain.model import BiLSTM
from seqtrain.runs.folder import RunFolder
from seqtrain.spec import DataSpec, SequenceClasses, StepClasses, VectorInputs, Vocabulary, WordInputs
from seqtrain.training.build import build_learner
from seqtrain.training.network import build_network, construct, load_trained, with_hidden_size

SPEC = DataSpec(VectorInputs(feature_size=8), SequenceClasses(tuple("0123456789")))
CLASSES = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "bilstm": BiLSTM}


def module(cfg: DictConfig, spec: DataSpec = SPEC) -> torch.nn.RNNBase | BiLSTM:
    backbone = build_network(cfg, spec).backbone
    assert isinstance(backbone.rnn, torch.nn.RNNBase | BiLSTM)
    return backbone.rnn


@pytest.mark.parametrize("model", CLASSES)
def test_all_parameters_reach_the_module_in_every_combination(compose, model: str) -> None:
    choices = dict.fromkeys(("bias", "batch_first", "bidirectional"), (True, False))
    choices |= {"num_layers": (1, 2), "dropout": (0.0, 0.25)}
    choices |= {"nonlinearity": ("tanh", "relu")} if model == "rnn" else {}
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
    wanted |= {"nonlinearity": "relu"} if model == "rnn" else {}
    cfg = compose(f"model={model}", *(f"model.{key}={value}" for key, value in wanted.items()))
    assert {key: getattr(module(cfg), key) for key in wanted} == wanted


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (
            {"input_size": 9},
            "model.input_size: got 9, but the data and the encoder give 8 numbers per step; "
            "leave it out, or give null",
        ),
        (
            {"_target_": "torch.nn.LSTMCell"},
            "model: LSTMCell is not a backbone: it has neither output_size nor, as torch.nn.LSTM has, "
            "bidirectional, batch_first",
        ),
    ],
)
def test_a_model_that_does_not_fit(compose, model: dict, problem: str) -> None:
    cfg = compose("model=lstm", "model.hidden_size=3")
    cfg.model = {**cfg.model, **model} if "input_size" in model else {**model, "hidden_size": 3}
    with pytest.raises(ConfigError) as caught:
        build_network(cfg, SPEC)
    assert caught.value.problems == (problem,)


def test_word_vectors_need_an_encoder_with_a_place_for_them(compose) -> None:
    problem = "encoder: the data has word vectors, and VectorEncoder has no method load_vectors for them"
    with pytest.raises(ConfigError, match=problem):
        build_learner(compose(), SPEC, vectors=torch.zeros(2, 3))


def test_every_member_gets_the_word_vectors(compose) -> None:
    words = Vocabulary(("a", "b"), (2, 0))
    spec = DataSpec(WordInputs(words=words, characters=words, vector_size=3), StepClasses(("X", "Y")))
    vectors = torch.arange(12.0).view(4, 3)
    network = build_learner(compose("members=2", task="pos"), spec, vectors).network
    assert [torch.equal(member.encoder.word_vectors, vectors) for member in network.members] == [True, True]


def test_a_network_comes_back_from_a_checkpoint_ready_to_evaluate_unless_of_another_model(
    compose, tmp_path: Path
) -> None:
    cfg, path = compose("model=bilstm"), tmp_path / "some.ckpt"
    learner = build_learner(cfg, SPEC)
    torch.save({"state_dict": learner.state_dict(), "spec": SPEC.to_dict()}, path)
    trained = load_trained(cfg, path)
    assert trained.spec == SPEC
    assert not trained.network.training
    for name, value in learner.network.state_dict().items():
        assert torch.equal(trained.network.state_dict()[name], value)
    message = f"{path} comes from another model: Missing key(s) in state_dict: "
    with pytest.raises(ConfigError, match=re.escape(f'{message}"network.backbone.rnn.weight_ih_l1"')):
        load_trained(compose("model=bilstm", "model.num_layers=2"), path)


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


def test_nested_nodes_are_constructed_first() -> None:
    layer = {"_target_": "torch.nn.TransformerEncoderLayer", "d_model": 4, "nhead": 2}
    encoder = {"_target_": "torch.nn.TransformerEncoder", "encoder_layer": layer, "num_layers": 1}
    built = construct(OmegaConf.create({**encoder, "enable_nested_tensor": False}))
    assert type(built) is torch.nn.TransformerEncoder
    assert built.layers[0].self_attn.num_heads == 2


def test_given_arguments_win_over_the_keys_of_the_node() -> None:
    node = OmegaConf.create({"_target_": "torch.nn.Linear", "in_features": None, "out_features": 2})
    assert construct(node, in_features=3).weight.shape == (2, 3)


def test_values_are_plain_python() -> None:
    node = OmegaConf.create({"_target_": "torch.nn.Unflatten", "dim": 1, "unflattened_size": [2, 3]})
    size = construct(node).unflattened_size
    assert (type(size), size) == (list, [2, 3])


def count(cfg: DictConfig, hidden_size: int) -> int:
    sized = {**cfg, "model": {**cfg["model"], "hidden_size": hidden_size}}
    return build_network(sized, SPEC).num_parameters


@pytest.mark.parametrize("wanted", [500, 20_000])
@pytest.mark.parametrize(
    "overrides",
    [
        *("model=rnn", "model=lstm initialization=remember", "model=gru model.num_layers=3"),
        *("model=bilstm model.num_layers=2 members=2", "model=bilstm model.cell=mingru"),
    ],
)
def test_no_other_size_is_nearer(overrides: str, wanted: int) -> None:
    cfg = compose_config([*overrides.split(), f"parameters={wanted}"])
    if count(cfg, 1) > wanted:
        pytest.skip("too few for this network")
    size = with_hidden_size(cfg, SPEC)["model"]["hidden_size"]
    distance = abs(count(cfg, size) - wanted)
    assert distance <= abs(count(cfg, size + 1) - wanted)
    assert size == 1 or distance <= abs(count(cfg, size - 1) - wanted)


def test_the_first_weights_do_not_depend_on_the_search() -> None:
    cfg = compose_config(["parameters=20000"])
    torch.manual_seed(1)
    searched = torch.rand(3) if with_hidden_size(cfg, SPEC) else None
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), searched)


def test_without_it_the_size_is_that_of_the_model(compose) -> None:
    assert with_hidden_size(compose(), SPEC)["model"]["hidden_size"] == 16


def test_too_few_are_refused() -> None:
    message = r"parameters: got 20, but with model.hidden_size=1 the network has"
    with pytest.raises(ConfigError, match=message):
        with_hidden_size(compose_config(["parameters=20"]), SPEC)


def test_the_folder_has_the_size_and_stays_that_of_the_command(tmp_path: Path) -> None:
    cfg, folder = compose_config(["parameters=5000"]), RunFolder(tmp_path / "run")
    folder.make()
    chosen = with_hidden_size(cfg, SPEC)
    folder.write_config(chosen)
    sizes = [each["model"]["hidden_size"] for each in (folder.load_config(), chosen, cfg)]
    assert sizes[0] == sizes[1] != sizes[2]
    assert folder.differences(cfg) == []
    assert "parameters" in folder.differences(compose_config(["parameters=6000"]))

"""An exported language model goes on from a state, one token at a time or many."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import seqtrain
from seqtrain.config import ConfigError, compose_config
from seqtrain.records import SequenceBatch
from seqtrain.serving import export_onnx, export_torch
from seqtrain.serving.export.language_model import build_language_model
from seqtrain.spec import DataSpec, NextToken, TokenInputs, Vocabulary
from seqtrain.training.network import build_network

TOKENS = Vocabulary(tuple("abcdef"), (1,) * 6)
SPEC = DataSpec(TokenInputs(tokens=TOKENS, unit="character"), NextToken(TOKENS))
MODELS = {
    "lstm": "model=lstm model.num_layers=2",
    "native": "model.num_layers=2",
    "gru": "model=gru",
    "rnn": "model=rnn",
    "tied": "head.tied=true",
    "tied, equal": "head.tied=true encoder.size=12",
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_the_state_goes_in_and_comes_out(model: str) -> None:
    torch.manual_seed(0)
    cfg = compose_config(["task=language_model", "model.hidden_size=12", *model.split()])
    network = build_network(cfg, SPEC).eval()
    session = onnxruntime.InferenceSession(build_language_model(network, SPEC.targets))
    tokens = torch.randint(2, 8, (3, 10))
    with torch.no_grad():
        expected, (output,) = network(SequenceBatch(tokens, torch.full((3,), 10)))
    _, *states = session.get_inputs()
    state = {each.name: np.zeros([each.shape[0], 3, 12], dtype=np.float32) for each in states}
    found = []
    for piece in (tokens[:, :4], *tokens[:, 4:].split(1, dim=1)):
        scores, *left = session.run(None, {"tokens": piece.numpy(), **state})
        found.append(scores)
        state = dict(zip(state, left, strict=True))
    np.testing.assert_allclose(np.concatenate(found, axis=1), expected.numpy(), atol=1e-5)
    for value, final in zip(state.values(), output.final_state.states, strict=True):
        np.testing.assert_allclose(value, final.numpy(), atol=1e-5)


def test_the_script_beside_it_writes(trained_text: Path, tmp_path: Path) -> None:
    model = seqtrain.load(trained_text)
    _, _, script = export_onnx(model.network, model.spec, tmp_path / "model.onnx")
    done = subprocess.run(
        [sys.executable, str(script), "the li"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) == 301
    assert "light line" in done.stdout


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["members=2"], "members: several cannot be exported as a language model"),
        (["model.cell=mingru"], r"model\.cell: mingru has no ONNX operator"),
    ],
)
def test_what_cannot_be_exported_is_refused(overrides: list[str], message: str, tmp_path: Path) -> None:
    network = build_network(compose_config(["task=language_model", "model.hidden_size=4", *overrides]), SPEC)
    with pytest.raises(ConfigError, match=message):
        export_onnx(network, SPEC, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_program_of_torch_has_no_state_to_go_on_from(tmp_path: Path) -> None:
    network = build_network(compose_config(["task=language_model", "model.hidden_size=4"]), SPEC)
    with pytest.raises(ConfigError, match="format: a language model is exported as ONNX, with its state"):
        export_torch(network, SPEC, tmp_path / "program.pt2")

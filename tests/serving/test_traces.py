"""One sequence of whatever a model reads, as named arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_tasks import task_overrides

import seqtrain
from seqtrain.analysis.traced import SequenceTrace
from seqtrain.config import compose_config
from seqtrain.data import TimeSeries
from seqtrain.errors import InputError
from seqtrain.serving.predictor import Predictor
from seqtrain.training.build import build_data
from seqtrain.training.network import build_network

LSTM_GATES = ["input", "forget", "candidate", "output"]


def untrained(task: str, folder: Path, treebank: Path, *overrides: str) -> Predictor:
    small = ["model.hidden_size=5", f"run_dir={folder}/run", *overrides]
    cfg = compose_config([*task_overrides(task, folder, treebank), *small])
    data = build_data(cfg)
    data.setup()
    return Predictor(build_network(cfg, data.spec), data.spec)


def hourly(predictor: Predictor) -> TimeSeries:
    inputs = predictor.spec.inputs
    return TimeSeries(tuple(inputs.columns), np.random.rand(inputs.context + 3, len(inputs.columns)), None)


SIX = tuple(map(str, range(6)))


@pytest.mark.parametrize(
    ("task", "given", "words"),
    [
        ("pos", "the light runs", ("the", "light", "runs")),
        ("pos", ["the", "light", "runs"], ("the", "light", "runs")),
        ("text", "a fine film", ("a", "fine", "film")),
        ("language_model", "it is", ("i", "t", "␣", "i", "s")),
        ("images", np.zeros((4, 5)), tuple("0123")),
        ("arrays", np.ones((6, 3)), SIX),
        ("steps", [[1.0, 2.0, 3.0]] * 6, SIX),
        ("forecast", hourly, None),
    ],
)
def test_each_task(task: str, given: Any, words: Any, tmp_path: Path, treebank: Path) -> None:
    predictor = untrained(task, tmp_path, treebank, "model=lstm")
    trace = predictor.trace(given(predictor) if callable(given) else given)
    assert words is None or trace.words == words
    assert list(trace.states) == ["h", "c"]
    assert list(trace.gates) == LSTM_GATES
    shape = (1, len(trace.directions), len(trace.words), 5)
    assert {values.shape for values in (*trace.states.values(), *trace.gates.values())} == {shape}
    assert trace.plot()._repr_png_().startswith(b"\x89PNG")


def test_it_is_what_the_network_computes(tmp_path: Path, treebank: Path) -> None:
    predictor = untrained(
        "pos", tmp_path, treebank, "model=bilstm", "model.num_layers=2", "model.dropout=0.5"
    )
    trace = predictor.trace("the light runs")
    batch = predictor.encode_sentences([trace.words]).batch([0])
    with torch.inference_mode():
        _, (output,) = predictor.network(batch)
    both = np.concatenate([trace.h[-1, 0], trace.h[-1, 1]], axis=-1)
    np.testing.assert_allclose(output.states[0].numpy(), both, atol=1e-6)
    np.testing.assert_allclose(trace["output"] * np.tanh(trace.c), trace.h, atol=1e-6)
    assert repr(trace) == (
        "SequenceTrace(h, c, input, forget, candidate, output: layers 2, directions 2, time 3, hidden 5)"
    )


def test_of_several_one_is_chosen_and_of_an_ensemble_the_first_member(tmp_path: Path, treebank: Path) -> None:
    predictor = untrained("images", tmp_path, treebank, "members=2")
    images = np.random.rand(3, 4, 5) / 2
    np.testing.assert_array_equal(predictor.trace(images, 2).h, predictor.trace(images[2]).h)


@pytest.mark.parametrize(
    ("task", "given", "message"),
    [
        ("pos", "", "sentence 1 has no words"),
        ("pos", 3, "sentences[0]: got 3 of type int; expected a text"),
        ("language_model", "", "texts[0]: got ''; expected a text that is not empty"),
        ("images", "none.png", "none.png: the file is missing"),
        ("arrays", "none.npz", "none.npz: the file is missing"),
        ("arrays", np.ones((2, 6, 3)), "trace: got an array of shape (2, 6, 3); expected numbers, (time"),
        ("arrays", [1.0, np.nan], "trace: got numbers that are not finite; expected finite ones"),
        ("arrays", ["a", "b"], "trace: got ['a', 'b']; expected numbers, (time, features)"),
        ("arrays", np.ones((6, 4)), "4 features; the model was trained on 3"),
        ("forecast", 3, "series: got int; expected a CSV file"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    task: str, given: Any, message: str, tmp_path: Path, treebank: Path
) -> None:
    predictor = untrained(task, tmp_path, treebank)
    with pytest.raises(InputError) as refusal:
        predictor.trace(given)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


@pytest.fixture(scope="module")
def digit(trained_digits: Path) -> SequenceTrace:
    return seqtrain.load(trained_digits).trace(np.zeros((8, 8)))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda trace: trace["cell"], "trace: got 'cell', expected one of h, c, input"),
        (lambda trace: trace.plot(1), "layer: got 1, expected 0 to 0, or -1 for the last"),
    ],
)
def test_what_it_has_not(ask: Any, message: str, digit: SequenceTrace) -> None:
    with pytest.raises(InputError) as refusal:
        ask(digit)
    assert str(refusal.value).startswith(message)


def test_a_cell_without_c(tmp_path: Path, treebank: Path) -> None:
    trace = untrained("digits", tmp_path, treebank, "model=rnn").trace(np.zeros((8, 8)))
    assert trace.plot().axes[-2].texts[-1].get_text() == "7"  # steps are labelled though there are no gates
    with pytest.raises(InputError, match="trace: got 'c', expected one of h"):
        _ = trace.c


def test_a_sequence_that_is_not_there(trained_digits: Path) -> None:
    with pytest.raises(InputError, match=r"^number: got 2, expected one of the 2 sequences from 0$"):
        seqtrain.load(trained_digits).trace(np.zeros((2, 8, 8)), 2)

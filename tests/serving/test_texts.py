"""A language model of a run folder goes on with texts and scores them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import seqtrain
from seqtrain.errors import DataError
from seqtrain.serving import Predictor


@pytest.fixture(scope="module")
def model(trained_text: Path) -> Predictor:
    return seqtrain.load(trained_text)


def test_it_has_learnt_the_text(model: Predictor) -> None:
    written = model.generate("the li", length=60, temperature=0)
    assert written.startswith("ght line ")
    assert " is green\nthe light line " in written


def test_a_seed_writes_the_same_again(model: Predictor) -> None:
    first = model.generate(length=50, seed=1)
    assert first == model.generate(length=50, seed=1)
    assert first == "".join(token for token, _ in zip(model.stream(seed=1), range(50), strict=False))
    assert len({model.generate(length=50, temperature=2.0) for _ in range(3)}) == 3


def test_the_score_of_the_test_part_is_the_loss_of_the_run(model: Predictor, trained_text: Path) -> None:
    text = (trained_text.parent / "text.txt").read_text()
    score = model.score(text[round(len(text) * 0.95) :])
    metrics = json.loads((trained_text / "metrics.json").read_text())
    assert score.mean == pytest.approx(metrics["test/loss"], abs=1e-5)
    assert len(score.tokens) == len(score.nats)
    assert "".join(score.tokens) == text[round(len(text) * 0.95) + 1 :]


def test_what_is_surprising(model: Predictor) -> None:
    score = model.score("the light line 3 is grexn\n")
    place = max(range(len(score.nats)), key=score.nats.__getitem__)
    assert score.tokens[place] == "x"
    assert model.unknown_in("xaxb") == ["x", "a", "b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 0}, r"^length: got 0, expected a whole number of at least 1$"),
        ({"temperature": -1}, r"^temperature: got -1, expected a number of at least 0$"),
        ({"temperature": float("nan")}, r"^temperature: got nan"),
        ({"top_k": 0}, r"^top_k: got 0, expected a whole number of at least 1$"),
        ({"seed": -1}, r"^seed: got -1, expected a whole number of at least 0$"),
    ],
)
def test_wrong_arguments(model: Predictor, arguments: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        model.generate(**arguments)  # type: ignore[arg-type]


def test_a_text_without_a_second_character_has_no_score(model: Predictor) -> None:
    with pytest.raises(DataError, match=r"^text: got 1 characters, expected at least 2"):
        model.score("a")


def test_other_models_have_no_language(trained_digits: Path) -> None:
    model = seqtrain.load(trained_digits)
    for call in (model.generate, lambda: model.score("text")):
        with pytest.raises(DataError, match="is not a language model; task=language_model trains one"):
            call()

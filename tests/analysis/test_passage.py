from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import seqtrain
from seqtrain.analysis.passage import passage_of, read_passage
from seqtrain.data import encode_text
from seqtrain.serving import Predictor

TEXT = "the light line 5 is green\nthe light line 6"


@pytest.fixture(scope="module")
def model(trained_text: Path) -> Predictor:
    return seqtrain.load(trained_text)


def test_a_passage_is_read_from_its_beginning_with_the_state_carried_on(model: Predictor) -> None:
    text = encode_text(model.spec, TEXT)
    passage = passage_of(model.network, model.spec, text)
    assert passage is not None
    assert "".join(passage.tokens) == TEXT
    assert np.isnan(passage.nats[0])
    assert passage.nats[1:] == pytest.approx(model.score(TEXT).nats, abs=1e-4)
    with torch.no_grad():
        _, (output,) = model.network(text.batch([0]))
    assert torch.from_numpy(passage.h[0, 0, :-1]).allclose(output.states[0], atol=1e-5)
    assert len(passage.expected[0]) == 0
    shares = [[share for _, share in expected] for expected in passage.expected[1:]]
    assert all(each == sorted(each, reverse=True) and len(each) == 3 for each in shares)


def test_it_is_as_long_as_finds_room(model: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = encode_text(model.spec, TEXT).tokens
    monkeypatch.setattr("seqtrain.analysis.passage.MAX_NUMBERS", 16 * 10)
    assert len(read_passage(model.network, model.spec.inputs, tokens).tokens) == 10  # type: ignore[arg-type]


def test_other_tasks_have_none(trained_digits: Path) -> None:
    digits = seqtrain.load(trained_digits)
    assert passage_of(digits.network, digits.spec, None) is None  # type: ignore[arg-type]

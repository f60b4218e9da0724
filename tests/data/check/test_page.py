from __future__ import annotations

import io

import matplotlib
import pytest
from made_up_corpus import VECTORS, WORDS

from seqtrain.data import Batching, Corpus
from seqtrain.data.check.page import draw_page
from seqtrain.data.check.summary import summarize
from seqtrain.runs.files import save_picture

MEMORY = {"weights": 1.0, "activations": 2.0}


def text_of(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")  # text stays text
    file = io.BytesIO()
    save_picture(draw_page(summarize(corpus, Batching(2, None, 2)), "made up", MEMORY), file, ".svg")
    return file.getvalue().decode()


def test_words(monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of(WORDS, monkeypatch)
    for title in ("made up", "lengths", "padding in training batches", "words, and sentences in several"):
        assert f">{title}" in text


def test_sequences_of_one_length_have_no_panel_for_it(monkeypatch) -> None:
    text = text_of(VECTORS, monkeypatch)
    assert ">sequences in several splits" in text
    assert ">lengths" not in text
    assert "padding" not in text

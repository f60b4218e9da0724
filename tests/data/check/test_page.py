from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest
from made_up_corpus import VECTORS, WORDS

from seqtrain.data import Batching, Corpus
from seqtrain.data.check.page import draw_page
from seqtrain.data.check.summary import summarize

MEMORY = {"weights": 1.0, "activations": 2.0}


def text_of(corpus: Corpus, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")  # text stays text
    path = folder / "page.svg"
    draw_page(summarize(corpus, Batching(2, None, 2)), "made up", MEMORY, path)
    return path.read_text(encoding="utf-8")


def test_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of(WORDS, tmp_path, monkeypatch)
    for title in ("made up", "lengths", "padding in training batches", "words, and sentences in several"):
        assert f">{title}" in text


def test_sequences_of_one_length_have_no_panel_for_it(tmp_path: Path, monkeypatch) -> None:
    text = text_of(VECTORS, tmp_path, monkeypatch)
    assert ">sequences in several splits" in text
    assert ">lengths" not in text
    assert "padding" not in text

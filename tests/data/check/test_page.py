from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest
from made_up_corpus import VECTORS, WORDS

from seqtrain.data import Batching, Corpus
from seqtrain.data.check.page import draw_page
from seqtrain.data.check.summary import summarize


@pytest.mark.parametrize(
    ("corpus", "panel"), [(VECTORS, "sequences in several splits"), (WORDS, "words, and")]
)
def test_four_panels(corpus: Corpus, panel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")  # text stays text
    path = tmp_path / "page.svg"
    draw_page(summarize(corpus, Batching(2, None, 2)), "made up", path)
    text = path.read_text(encoding="utf-8")
    for title in ("made up", "lengths", "targets", "padding of a training batch", panel):
        assert f">{title}" in text

from __future__ import annotations

import torch

from seqtrain.analysis.figures.predictions import _shorten, draw_confusions, draw_mistakes


def test_confusions_are_coloured_by_the_share_of_a_row() -> None:
    figure = draw_confusions(torch.tensor([[3, 1], [0, 0]]), ("a", "b"))
    assert figure.axes[0].images[0].get_array().tolist() == [[0.75, 0.25], [0.0, 0.0]]
    assert [text.get_text() for text in figure.axes[0].texts] == ["a", "b", "a", "b", "3", "1"]


def test_large_counts_are_shortened() -> None:
    assert [_shorten(number) for number in (7, 999, 1234, 12_345)] == ["7", "999", "1.2k", "12k"]


def test_mistakes_have_their_titles() -> None:
    figure = draw_mistakes(torch.rand(7, 8, 8), [f"title {number}" for number in range(7)])
    assert len(figure.axes[0].images) == 7
    assert [text.get_text() for text in figure.axes[0].texts][-1] == "title 6"

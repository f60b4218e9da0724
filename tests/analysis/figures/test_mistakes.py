from __future__ import annotations

import torch

from seqtrain.analysis.figures.mistakes import draw_mistakes


def test_mistakes_have_their_titles() -> None:
    figure = draw_mistakes(torch.rand(7, 8, 8), [f"title {number}" for number in range(7)])
    assert len(figure.axes[0].images) == 7
    assert [text.get_text() for text in figure.axes[0].texts][-1] == "title 6"

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_up_example import example

from seqtrain.analysis.figures.canvas import MAX_LABELS, new_figure, render
from seqtrain.analysis.figures.run import draw_confusions, draw_mistakes
from seqtrain.analysis.figures.sequence import draw_states


@pytest.mark.parametrize(("steps", "every"), [(28, 2), (100, 6), (784, 88)])
def test_of_too_many_steps_every_n_th_is_named(steps: int, every: int) -> None:
    figure = draw_states(example(steps=steps))
    labels = [text.get_text() for text in figure.axes[2].texts]
    assert labels == [str(step) for step in range(0, steps, every)]
    assert len(labels) <= MAX_LABELS
    assert figure.axes[2].get_xlabel() == "time step"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["a", "supercalifragilistic", "word", "."], ["a", "supercalifrag\u2026", "word", "."]),
        (["2005", "1"], ["2005", "1"]),
    ],
)
def test_words_are_along_the_axis_and_a_long_one_is_cut(words: list[str], shown: list[str]) -> None:
    figure = draw_states(example(words=words))
    assert [text.get_text() for text in figure.axes[-2].texts] == shown
    assert figure.axes[-2].get_xlabel() == ""


def test_a_figure_becomes_pixels() -> None:
    image = render(draw_mistakes(torch.zeros(1, 8, 8), ["one"]))
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    assert image.min() < 128 < image.max()


def test_text_is_no_mathematics() -> None:
    """Between dollar signs matplotlib would read TeX, and refuse these."""
    words = ["$_$", r"$\word$", "$^$"]
    render(draw_states(example(words=words)))
    render(draw_confusions(torch.ones(3, 3, dtype=torch.long), words))
    render(draw_mistakes(torch.zeros(1, 8, 8), words[:1]))
    render(new_figure(3, 1, words[0]))


def test_letters_that_the_font_lacks_are_no_warning(recwarn) -> None:
    render(new_figure(3, 1, "\N{CJK UNIFIED IDEOGRAPH-72D7}"))
    assert not recwarn.list

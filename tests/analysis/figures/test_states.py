from __future__ import annotations

from made_up_example import example

from seqtrain.analysis.figures.states import draw_states


def test_states_have_a_row_for_each_unit_and_a_column_for_each_step() -> None:
    figure = draw_states(example())
    inputs, forward, backward = (axes.images[0].get_array().shape for axes in figure.axes[:3])
    assert (inputs, forward, backward) == ((3, 4), (5, 4), (5, 4))


def test_words_are_along_the_axis() -> None:
    words = ["They", "saw", "the", "light"]
    figure = draw_states(example(words=words))
    assert [text.get_text() for text in figure.axes[-2].texts] == words

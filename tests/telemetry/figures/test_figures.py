from __future__ import annotations

import numpy as np
import torch
from torch import nn

from seqtrain.records import IGNORED, DataSpec, SequenceBatch
from seqtrain.recurrence.trace import trace
from seqtrain.telemetry.figures.canvas import MAX_LABELS, render
from seqtrain.telemetry.figures.confusions import _shorten, draw_confusions
from seqtrain.telemetry.figures.example import Example, choose_examples, read_example
from seqtrain.telemetry.figures.gates import draw_gates
from seqtrain.telemetry.figures.gradients import draw_gradients
from seqtrain.telemetry.figures.mistakes import draw_mistakes
from seqtrain.telemetry.figures.states import draw_states
from seqtrain.telemetry.sample import Sample


def example(steps: int = 4, words: list[str] | None = None) -> Example:
    torch.manual_seed(0)
    features, lengths = torch.rand(2, steps, 3), torch.tensor([steps, 2])
    batch = SequenceBatch(features, lengths, torch.tensor([1, 0]))
    sample = Sample(
        batch, DataSpec(("zero", "one"), 3, "rows"), None if words is None else [words, words[:2]]
    )
    with torch.no_grad():
        return read_example(sample, trace(nn.LSTM(3, 5, bidirectional=True), features, lengths), 0)


def test_a_sequence_of_numbers_is_named_by_its_class_if_it_has_one() -> None:
    features, lengths = torch.rand(1, 3, 2), torch.tensor([3])
    traced = trace(nn.GRU(2, 4), features, lengths)
    titles = [
        read_example(
            Sample(SequenceBatch(features, lengths, targets), DataSpec(("zero", "one"), 2), None), traced, 0
        ).title
        for targets in (torch.tensor([1]), torch.tensor([[1, 0, 1]]), torch.tensor([IGNORED]))
    ]
    assert titles == ["sequence 1 of the sample (one)", *["sequence 1 of the sample"] * 2]
    assert example().title == "image 1 of the sample (one), read by rows"


def test_states_have_a_row_for_each_unit_and_a_column_for_each_step() -> None:
    figure = draw_states(example())
    inputs, forward, backward = (axes.images[0].get_array().shape for axes in figure.axes[:3])
    assert (inputs, forward, backward) == ((3, 4), (5, 4), (5, 4))


def test_words_are_along_the_axis() -> None:
    words = ["They", "saw", "the", "light"]
    figure = draw_states(example(words=words))
    assert [label.get_text() for label in figure.axes[-2].get_xticklabels()] == words


def test_of_too_many_steps_every_n_th_is_named() -> None:
    figure = draw_states(example(steps=100))
    labels = [label.get_text() for label in figure.axes[2].get_xticklabels()]
    assert labels == [str(step) for step in range(0, 100, 3)]
    assert len(labels) <= MAX_LABELS


def test_gates_have_a_line_each_in_both_directions() -> None:
    figure = draw_gates(example())
    for axes in figure.axes:
        assert [line.get_label() for line in axes.lines] == ["input", "forget", "output"]


def test_gradients_are_means_over_the_sequences_that_are_as_long() -> None:
    norms = {"layer0/forward": torch.tensor([[1.0, 0.5], [3.0, 0.0]])}
    (axes,) = draw_gradients(norms, torch.tensor([2, 1])).axes
    assert axes.lines[0].get_ydata().tolist() == [2.0, 0.5]
    assert axes.get_yscale() == "log"


def test_confusions_are_coloured_by_the_share_of_a_row() -> None:
    figure = draw_confusions(torch.tensor([[3, 1], [0, 0]]), ("a", "b"))
    assert figure.axes[0].images[0].get_array().tolist() == [[0.75, 0.25], [0.0, 0.0]]
    assert [text.get_text() for text in figure.axes[0].texts] == ["3", "1"]


def test_large_counts_are_shortened() -> None:
    assert [_shorten(number) for number in (7, 999, 1234, 12_345)] == ["7", "999", "1.2k", "12k"]


def test_mistakes_have_their_titles() -> None:
    figure = draw_mistakes(torch.rand(7, 8, 8), [f"title {number}" for number in range(7)])
    assert len(figure.axes[0].images) == 7
    assert [text.get_text() for text in figure.axes[0].texts][-1] == "title 6"


def test_the_longest_of_the_short_sequences_are_drawn() -> None:
    assert choose_examples(torch.tensor([3, 90, 20, 24, 5]), 2) == [3, 2]
    assert choose_examples(torch.tensor([784, 784]), 1) == [0]


def test_a_figure_becomes_pixels() -> None:
    image = render(draw_mistakes(torch.zeros(1, 8, 8), ["one"]))
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    assert image.min() < 128 < image.max()

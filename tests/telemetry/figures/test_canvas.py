from __future__ import annotations

import numpy as np
import torch
from made_up_example import example

from seqtrain.telemetry.figures.canvas import MAX_LABELS, render
from seqtrain.telemetry.figures.mistakes import draw_mistakes
from seqtrain.telemetry.figures.states import draw_states


def test_of_too_many_steps_every_n_th_is_named() -> None:
    figure = draw_states(example(steps=100))
    labels = [text.get_text() for text in figure.axes[2].texts]
    assert labels == [str(step) for step in range(0, 100, 3)]
    assert len(labels) <= MAX_LABELS


def test_a_figure_becomes_pixels() -> None:
    image = render(draw_mistakes(torch.zeros(1, 8, 8), ["one"]))
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    assert image.min() < 128 < image.max()

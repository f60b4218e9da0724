from __future__ import annotations

import numpy as np
import pytest
import torch

from seqtrain.analysis.figures.canvas import render
from seqtrain.analysis.figures.run import (
    _shorten,
    draw_confusions,
    draw_curves,
    draw_gradients,
    draw_mistakes,
    draw_units,
)
from seqtrain.runs.curves import Curve


def test_means_are_drawn_from_the_loss_backwards_in_time() -> None:
    (axes,) = draw_gradients({"layer0/forward": torch.tensor([2.0, 0.5])}).axes
    assert axes.lines[0].get_ydata().tolist() == [2.0, 0.5]
    assert axes.get_yscale() == "log"
    left, right = axes.get_xlim()
    assert left > right  # the loss is at the right end


def test_the_axis_has_whole_decades_and_at_least_four() -> None:
    def limits(*values: float) -> list[float]:
        norms = {"layer0/forward": torch.tensor(values)}
        (axes,) = draw_gradients(norms).axes
        assert len(axes.get_yticklabels()) <= 8
        return list(axes.get_ylim())

    assert limits(2e-3, 9e-4) == pytest.approx([1e-6, 1e-2])
    assert limits(3.0, 2e-9) == pytest.approx([1e-9, 1e1])
    assert limits(0.5, 0.0) == pytest.approx([1e-12, 1.0])
    assert limits(float("nan"), float("nan")) == pytest.approx([1e-4, 1.0])


def test_loss_and_accuracy_have_a_panel_each() -> None:
    curves = [
        Curve(tag, tag.split("/")[0], (1, 2), (0.5, 0.25))
        for tag in ("train/loss", "val/loss", "val/accuracy", "final/val/accuracy", "weights/layer0/loss")
    ]
    loss, accuracy = draw_curves(curves, "$_$").axes
    assert [line.get_label() for line in loss.lines] == ["train/loss", "val/loss"]
    assert [line.get_label() for line in accuracy.lines] == ["val/accuracy"]


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


def test_the_units_that_tell_a_target_best_come_first() -> None:
    areas = np.array([[[[0.5, 0.6], [0.1, 0.5]], [[np.nan, 0.75], [np.nan, np.nan]]]])
    figure = draw_units(areas, ("$_$", "b"), num_bars=3)
    (panel,) = figure.axes
    labels = ["layer 0 forward 1: $_$", "layer 0 backward 0: b", "layer 0 forward 0: b"]
    assert [text.get_text() for text in panel.texts] == labels
    np.testing.assert_allclose([bar.get_width() for bar in panel.patches], [-0.4, 0.25, 0.1])
    render(figure)

from __future__ import annotations

import pytest
import torch

from seqtrain.analysis.figures.curves import draw_curves, draw_gradients
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

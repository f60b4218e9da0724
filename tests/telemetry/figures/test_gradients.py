from __future__ import annotations

import torch

from seqtrain.telemetry.figures.gradients import draw_gradients


def test_gradients_are_means_over_the_sequences_that_are_as_long() -> None:
    norms = {"layer0/forward": torch.tensor([[1.0, 0.5], [3.0, 0.0]])}
    (axes,) = draw_gradients(norms, torch.tensor([2, 1])).axes
    assert axes.lines[0].get_ydata().tolist() == [2.0, 0.5]
    assert axes.get_yscale() == "log"
    left, right = axes.get_xlim()
    assert left > right  # the loss is at the right end

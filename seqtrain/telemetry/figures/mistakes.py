"""Images that were taken for something else."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from seqtrain.telemetry.figures.canvas import add_panel, new_figure

COLUMNS, SIZE = 6, 1.1  # images beside each other; inches of each


def draw_mistakes(images: Tensor, titles: Sequence[str]) -> Figure:
    """Images (num, height, width) with what is to be said of each below it."""
    rows = -(-len(images) // COLUMNS)
    height = rows * (SIZE + 0.35) + 0.4
    figure = new_figure(COLUMNS * (SIZE + 0.1) + 0.2, height, "most confident mistakes: target, prediction")
    for place, (image, title) in enumerate(zip(images, titles, strict=True)):
        row, column = divmod(place, COLUMNS)
        bottom = height - 0.35 - (row + 1) * (SIZE + 0.3) + 0.2
        panel = add_panel(figure, 0.1 + column * (SIZE + 0.1), bottom, SIZE, SIZE)
        panel.imshow(image.numpy(), cmap="gray_r", interpolation="nearest")
        panel.set_xlabel(title, fontsize=7, labelpad=2)
        panel.set_xticks([])
        panel.set_yticks([])
    return figure

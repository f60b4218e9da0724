"""Misclassified images."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from seqtrain.analysis.figures.canvas import FONT, add_panel, new_figure

COLUMNS, SIZE = 4, 1.2  # images beside each other; inches of each


def draw_mistakes(images: Tensor, titles: Sequence[str]) -> Figure:
    """Images (num, height, width), each with its title below, in one panel: faster than a panel each."""
    num_rows = -(-len(images) // COLUMNS)
    width, height = COLUMNS * SIZE, num_rows * (SIZE + 0.1)
    figure = new_figure(
        width + 0.2, height + 0.4, "most confident mistakes: target > prediction (confidence)"
    )
    panel = add_panel(figure, 0.1, 0.1, width, height)
    panel.set_axis_off()
    for place, (image, title) in enumerate(zip(images, titles, strict=True)):
        row, column = divmod(place, COLUMNS)
        extent = (column + 0.1, column + 0.9, row + 0.8, row)
        panel.imshow(image.numpy(), cmap="gray_r", interpolation="nearest", extent=extent)
        panel.text(column + 0.5, row + 0.82, title, ha="center", va="top", fontsize=FONT, parse_math=False)
    panel.set_xlim(0, COLUMNS)
    panel.set_ylim(num_rows, 0)
    panel.set_aspect("auto")
    return figure

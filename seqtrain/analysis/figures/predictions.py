"""Predictions and targets: the confusion matrix, and images that were misclassified."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from seqtrain.analysis.figures.canvas import add_panel, label_columns, label_rows, new_figure, write

MOST_NUMBERS = 400  # cells; with more of them numbers could not be read


def draw_confusions(counts: Tensor, names: Sequence[str], title: str = "confusions") -> Figure:
    """How often each target (row) was predicted as each target (column); colours are shares of the row."""
    size, margin = min(0.3 * len(names), 8.0), min(0.2 + 0.09 * max(map(len, names)), 1.5)
    title = f"{title}: rows targets, columns predictions"
    width = max(size + margin, 0.0755 * len(title)) + 0.1  # the title, too, has to fit in
    figure = new_figure(width, size + margin + 0.35, title)
    panel = add_panel(figure, margin, margin, size, size)
    shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    panel.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    label_columns(panel, dict(enumerate(names)), turned=any(len(name) > 3 for name in names))
    label_rows(panel, names)
    if counts.numel() <= MOST_NUMBERS:
        _write_counts(figure, counts, shares)
    return figure


def _write_counts(figure: Figure, counts: Tensor, shares: Tensor) -> None:
    for row, column in counts.nonzero().tolist():
        number = int(counts[row, column])
        figure.axes[0].text(
            column,
            row,
            _shorten(number),
            ha="center",
            va="center",
            fontsize=7,
            color="white" if shares[row, column] > 0.5 else "black",
        )


def _shorten(number: int) -> str:
    """At most four characters: 950, 1.2k, 13k."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 9950 else f"{number / 1000:.0f}k"


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
        write(panel, column + 0.5, row + 0.82, title, ha="center", va="top")
    panel.set_xlim(0, COLUMNS)
    panel.set_ylim(num_rows, 0)
    panel.set_aspect("auto")
    return figure

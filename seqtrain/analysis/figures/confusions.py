"""The confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from seqtrain.analysis.figures.canvas import add_panel, label_columns, label_rows, new_figure

MOST_NUMBERS = 400  # cells; with more of them numbers could not be read


def draw_confusions(counts: Tensor, names: Sequence[str]) -> Figure:
    """How often each target (row) was predicted as each target (column); colours are shares of the row."""
    size, margin = min(0.3 * len(names), 8.0), min(0.2 + 0.09 * max(map(len, names)), 1.5)
    figure = new_figure(
        max(size + margin, 3.4) + 0.1, size + margin + 0.35, "confusions: rows targets, columns predictions"
    )
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

"""An empty figure, and a figure as an image.

pyplot is not used: it keeps figures alive and takes a while to import. Margins are given rather than found by
a layout engine, which would draw everything twice. TensorBoard shrinks images to some 340 pixels: figures are
little wider, so that their text has 10 pixels there.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seqtrain.runs.files import atomic_write, literal_text, save_picture

DPI, PAPER_DPI = 90, 180
WIDTH = 4.5  # inches, of figures over time
FONT = 10.0  # points
LETTER = 0.08  # inches, the width of a letter in this font size; in most words the mean is smaller
# Okabe and Ito's colours, which the colour-blind can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DIVERGING = "RdBu_r"  # blue below zero, red above
MAX_LABELS = 18  # along an axis of a figure of this width; more could not be read
MAX_LONG_NUMBERS = 9  # the same for numbers of three digits or more
LONGEST_WORD = 14  # letters
MIN_DECADES = 4  # of a logarithmic axis: small waves look small
MAX_DECADES = 7  # with a label


class Picture(Figure):
    """A figure that a notebook shows."""

    def _repr_png_(self) -> bytes:
        return to_png(self)


def new_figure(width: float, height: float, title: str) -> Figure:
    """A figure of this size, in inches, with a title."""
    figure = Picture(figsize=(width, height), dpi=DPI)
    fitting = FONT * min(1.0, width / (LETTER * max(len(title), 1)))
    figure.suptitle(title, fontsize=fitting, y=1 - 0.06 / height, va="top")
    return figure


def add_panel(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """A panel at this position, in inches from the lower left corner of the figure."""
    whole_width, whole_height = figure.get_size_inches()
    panel: Axes = figure.add_axes(
        (left / whole_width, bottom / whole_height, width / whole_width, height / whole_height)
    )
    panel.tick_params(labelsize=FONT)
    return panel


def write(panel: Axes, x: float, y: float, text: str, **options: Any) -> None:
    """Write a word or a name."""
    panel.text(x, y, text, **{"fontsize": FONT, **options})


def add_legend(panel: Axes, **options: Any) -> None:
    """Add the names of the lines."""
    panel.legend(
        fontsize=FONT, frameon=False, handlelength=1.2, handletextpad=0.4, columnspacing=1.0, **options
    )


def space_below(labels: Sequence[str]) -> float:
    """Inches that `label_steps` needs below a panel."""
    longest = min(max(map(len, labels)), LONGEST_WORD)
    return 0.15 + 0.1 * longest if _are_words(labels) else 0.4


def label_steps(panel: Axes, labels: Sequence[str]) -> None:
    """Label the steps below the x axis: words, or the numbers of every n-th step if there are many."""
    words = _are_words(labels)
    most = MAX_LONG_NUMBERS if not words and len(labels[-1]) > 2 else MAX_LABELS
    wider = max(1.0, cast(Figure, panel.figure).get_figwidth() / WIDTH)
    every = -(-len(labels) // int(most * wider))
    shown = {step: _shorten(labels[step]) for step in range(0, len(labels), every)}
    label_columns(panel, shown, turned=words and max(map(len, labels)) > 1)
    if not words:
        panel.set_xlabel("time step", fontsize=FONT, labelpad=14)


def label_columns(panel: Axes, labels: Mapping[int, str], turned: bool) -> None:
    """Write labels below columns. Labels of ticks would be laid out three times as often as texts."""
    panel.set_xticks([])
    below = panel.get_xaxis_transform()
    for column, label in labels.items():
        rotation = 90 if turned else 0
        write(panel, column, -0.03, label, rotation=rotation, ha="center", va="top", transform=below)


def label_rows(panel: Axes, labels: Sequence[str]) -> None:
    """Write a label on the left of each row."""
    panel.set_yticks([])
    beside = panel.get_yaxis_transform()
    for row, label in enumerate(labels):
        write(panel, -0.02, row, label, ha="right", va="center", transform=beside)


def scale_decades(panel: Axes, values: Sequence[float]) -> None:
    """A logarithmic y axis over the decades of these values; to typeset its labels would take 0.2 s."""
    finite = [value for value in values if 0 < value < math.inf] or [1.0]
    top = math.ceil(math.log10(max(finite)))
    bottom = min(math.floor(math.log10(min(finite)) + 1e-6), top - MIN_DECADES)  # 1e-12 in float32 is less
    panel.set_yscale("log")
    panel.set_ylim(10.0**bottom, 10.0**top)
    decades = range(bottom, top + 1, -(-(top - bottom) // MAX_DECADES))
    panel.set_yticks([10.0**decade for decade in decades], [f"1e{decade}" for decade in decades])
    panel.minorticks_off()


def render(figure: Figure) -> NDArray[np.uint8]:
    """(height, width, 3) bytes."""
    canvas: Any = FigureCanvasAgg(figure)
    with literal_text(figure):
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def to_png(figure: Figure) -> bytes:
    """The bytes of a PNG file."""
    with io.BytesIO() as file:
        save_picture(figure, file, dpi=DPI)
        return file.getvalue()


def save(figure: Figure, path: Path) -> None:
    """As a PNG file for paper, finer than on TensorBoard's page."""
    with atomic_write(path) as file:
        save_picture(figure, file, dpi=PAPER_DPI)


def _are_words(labels: Sequence[str]) -> bool:
    return any(label != str(step) for step, label in enumerate(labels))


def _shorten(word: str) -> str:
    return word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 1]}\N{HORIZONTAL ELLIPSIS}"

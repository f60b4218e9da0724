"""What is drawn of a whole run: curves, gradients through time, confusions, mistakes, and the best units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from torch import Tensor

from seqtrain.analysis.figures.canvas import (
    COLOURS,
    FONT,
    LETTER,
    WIDTH,
    add_legend,
    add_panel,
    label_columns,
    label_rows,
    new_figure,
    scale_decades,
    write,
)
from seqtrain.recurrence.trace import DIRECTIONS
from seqtrain.runs.curves import Curve

SMALLEST = 1e-12  # the lower end of the logarithmic axis
MOST_NUMBERS = 400  # cells; with more of them numbers could not be read
COLUMNS, SIZE = 4, 1.2  # images in a row; inches of each
BAR, BESIDE, BARS_WIDTH = 0.28, 2.6, 5.6  # inches


def draw_gradients(norms: Mapping[str, Tensor]) -> Figure:
    """The mean norm of dL/dh against the distance to the loss, a line for each direction.

    Time runs from left to right, with the loss at the right end: a recurrence that carries gradients far has
    a line that stays high to the left.

    Args:
        norms: by `layer0/forward`; see `seqtrain.analysis.gradients.gradient_through_time`.
    """
    legend = 0.2 * -(-len(norms) // 2)
    figure = new_figure(WIDTH, 2.9 + legend, "gradient through time: mean norm of dL/dh")
    panel = add_panel(figure, 0.75, 0.5, WIDTH - 0.95, 2.0)
    means = {name: by_step.clamp(min=SMALLEST).cpu() for name, by_step in norms.items() if len(by_step)}
    for number, (name, by_step) in enumerate(means.items()):
        style = "--" if name.endswith("backward") else "-"
        colour = COLOURS[number % len(COLOURS)]
        panel.plot(by_step.numpy(), style, color=colour, label=name.replace("/", ", "))
    scale_decades(
        panel, [float(value) for by_step in means.values() for value in (by_step.min(), by_step.max())]
    )
    panel.invert_xaxis()
    panel.set_xlabel("steps before L, the loss at the direction's last step", fontsize=FONT)
    panel.grid(alpha=0.3)
    add_legend(panel, loc="lower center", bbox_to_anchor=(0.5, 1), ncol=min(2, len(norms)))
    return figure


def draw_curves(curves: Sequence[Curve], title: str) -> Figure:
    """Loss and accuracy of the training and the validation, each in a panel of its own."""
    figure = new_figure(2 * WIDTH, 3.2, title)
    for column, name in enumerate(("loss", "accuracy")):
        panel = add_panel(figure, 0.65 + column * WIDTH, 0.5, WIDTH - 0.85, 2.1)
        for colour, split in zip(COLOURS, ("train", "val"), strict=False):
            for curve in curves:
                if curve.tag == f"{split}/{name}":
                    panel.plot(curve.steps, curve.values, color=colour, label=curve.tag, marker=".")
        panel.set_title(name, fontsize=FONT)
        panel.set_xlabel("optimizer step", fontsize=FONT)
        if panel.lines:
            add_legend(panel)
    return figure


def draw_pair(curves: Mapping[str, Sequence[Curve]], charts: Sequence[Sequence[str]]) -> Figure:
    """The same curves of several runs: a panel for each of `charts`, which holds the tags of its lines.

    A run has one colour; the last tag of a panel has a solid line, those before it are dotted.
    """
    figure = new_figure(len(charts) * WIDTH, 3.2, " and ".join(tags[-1] for tags in charts))
    for column, tags in enumerate(charts):
        panel = add_panel(figure, 0.65 + column * WIDTH, 0.5, WIDTH - 0.85, 2.3)
        for colour, (name, known) in zip(COLOURS, curves.items(), strict=False):
            for curve in known:
                if curve.tag in tags:
                    style = "-" if curve.tag == tags[-1] else ":"
                    label, marker = f"{name}, {curve.tag}", "o" if len(curve.steps) == 1 else None
                    panel.plot(curve.steps, curve.values, style, color=colour, label=label, marker=marker)
        panel.set_xlabel("optimizer step", fontsize=FONT)
        if panel.lines:
            add_legend(panel)
    return figure


def draw_confusions(counts: Tensor, names: Sequence[str], title: str = "confusions") -> Figure:
    """How often each target (row) was predicted as each target (column); colours are shares of the row."""
    size, margin = min(0.27 * len(names), 8.0), min(0.2 + 0.1 * max(map(len, names)), 1.5)
    title = f"{title}: rows targets, columns predictions"
    width = max(size + margin, LETTER * len(title)) + 0.1  # the title, too, has to fit in
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


def draw_mistakes(images: Tensor, titles: Sequence[str]) -> Figure:
    """Images (num, height, width), each with its title below, in one panel: faster than a panel each."""
    num_rows = -(-len(images) // COLUMNS)
    width, height = COLUMNS * SIZE, num_rows * (SIZE + 0.1)
    figure = new_figure(
        width + 0.2, height + 0.4, "most confident mistakes: target > prediction (confidence)"
    )
    panel = add_panel(figure, 0.1, 0.1, width, height)
    panel.set_axis_off()
    for number, (image, title) in enumerate(zip(images, titles, strict=True)):
        row, column = divmod(number, COLUMNS)
        extent = (column + 0.1, column + 0.9, row + 0.8, row)
        panel.imshow(image.numpy(), cmap="gray_r", interpolation="nearest", extent=extent)
        write(panel, column + 0.5, row + 0.82, title, ha="center", va="top")
    panel.set_xlim(0, COLUMNS)
    panel.set_ylim(num_rows, 0)
    panel.set_aspect("auto")
    return figure


def draw_units(areas: npt.NDArray[np.float64], names: Sequence[str], num_bars: int = 20) -> Figure:
    """A bar for each of the units that tell a target best, from 0.5, chance, to its area under the curve.

    Args:
        areas: (layers, directions, hidden, targets); see `seqtrain.analysis.report`.
        names: of the targets.
        num_bars: how many at most.
    """
    by_unit = areas.reshape(-1, len(names))
    strength = np.nan_to_num(np.abs(by_unit - 0.5), nan=-1.0)
    best = np.argsort(-strength.max(axis=1), kind="stable")[:num_bars]
    targets = strength.argmax(axis=1)
    height = BAR * len(best)
    figure = new_figure(BARS_WIDTH, height + 0.8, "units that tell a target from the others")
    panel = add_panel(figure, BESIDE, 0.5, BARS_WIDTH - BESIDE - 0.15, height)
    lengths = [by_unit[unit, targets[unit]] - 0.5 for unit in best]
    panel.barh(range(len(best)), lengths, left=0.5, color=COLOURS[0])
    labels = []
    for unit in best:
        layer, direction, number = np.unravel_index(unit, areas.shape[:3])
        labels.append(f"layer {layer} {DIRECTIONS[direction]} {number}: {names[targets[unit]]}")
    panel.set_ylim(len(best) - 0.5, -0.5)
    panel.set_xlim(0, 1)
    label_rows(panel, labels)
    panel.set_xlabel("area under the ROC curve", fontsize=FONT)
    return figure

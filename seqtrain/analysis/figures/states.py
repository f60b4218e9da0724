"""The states of one sequence over time, as a heat map."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from seqtrain.analysis.figures.canvas import (
    DIVERGING,
    FONT,
    WIDTH,
    add_panel,
    label_steps,
    new_figure,
    space_below,
)
from seqtrain.analysis.figures.example import Example
from seqtrain.analysis.places import DIRECTIONS

PANEL, INPUTS = 1.9, 0.8  # inches


def draw_states(example: Example) -> Figure:
    """h of the last layer: a row for each unit and a column for each step; a panel for each direction.

    Units are sorted by the step at which they are largest, so that similar ones are neighbours.
    """
    top, below = 0.1 + (0 if example.inputs is None else INPUTS + 0.1), space_below(example.labels)
    height = top + len(example.directions) * (PANEL + 0.2) + below
    figure = new_figure(WIDTH, height, f"h of the last layer, {example.title}")
    _draw_inputs(figure, example, height)
    for number, part in enumerate(example.directions):
        bottom = height - top - (number + 1) * (PANEL + 0.2)
        panel = add_panel(figure, 0.35, bottom, WIDTH - 0.95, PANEL)
        units = part.h[:, part.h.argmax(dim=0).argsort(stable=True)].T
        panel.imshow(units.numpy(), aspect="auto", cmap=DIVERGING, vmin=-1, vmax=1, interpolation="nearest")
        panel.set_ylabel(f"{DIRECTIONS[number]}: units", fontsize=FONT)
        panel.set_xticks([])
        panel.set_yticks([])  # numbers would mean nothing: units are sorted
    label_steps(panel, example.labels)
    _draw_scale(figure, below, height - top - below - 0.2)
    return figure


def _draw_scale(figure: Figure, bottom: float, height: float) -> None:
    """What the colours mean; matplotlib's own scale takes ten times as long."""
    panel = add_panel(figure, WIDTH - 0.5, bottom, 0.15, height)
    levels = np.linspace(1, -1, 64)[:, None]
    panel.imshow(levels, aspect="auto", cmap=DIVERGING, vmin=-1, vmax=1, extent=(0, 1, -1, 1))
    panel.set_xticks([])
    panel.set_yticks([])
    for value in (-1, 0, 1):
        panel.text(1.3, value, str(value), fontsize=FONT, va="center")


def _draw_inputs(figure: Figure, example: Example, height: float) -> None:
    if example.inputs is None:
        return
    panel = add_panel(figure, 0.35, height - 0.3 - INPUTS, WIDTH - 0.95, INPUTS)
    panel.imshow(example.inputs.cpu().numpy(), aspect="auto", cmap="gray_r", interpolation="nearest")
    panel.set_ylabel("input", fontsize=FONT)
    panel.set_xticks([])
    panel.set_yticks([])

"""The states of one sequence over time, as a heat map."""

from __future__ import annotations

from matplotlib.figure import Figure

from seqtrain.telemetry.figures.canvas import DIVERGING, add_panel, label_steps, new_figure
from seqtrain.telemetry.figures.example import Example
from seqtrain.telemetry.places import DIRECTIONS

WIDTH, PANEL, INPUTS, BELOW = 7.0, 2.3, 0.9, 0.9  # inches


def draw_states(example: Example) -> Figure:
    """h of the last layer: a row for each unit and a column for each step; a panel for each direction.

    Units are in the order of the step at which they are largest, so that those of one kind lie together.
    """
    top = 0.4 + (0 if example.inputs is None else INPUTS)
    height = top + len(example.directions) * (PANEL + 0.25) + BELOW
    figure = new_figure(WIDTH, height, f"h of the last layer, {example.title}")
    _draw_inputs(figure, example, height)
    for number, part in enumerate(example.directions):
        bottom = height - top - (number + 1) * (PANEL + 0.25)
        panel = add_panel(figure, 0.7, bottom, WIDTH - 1.5, PANEL)
        units = part.h[:, part.h.argmax(dim=0).argsort(stable=True)].T
        panel.imshow(units.numpy(), aspect="auto", cmap=DIVERGING, vmin=-1, vmax=1, interpolation="nearest")
        panel.set_ylabel(f"{DIRECTIONS[number]}: units", fontsize=8)
        panel.set_xticks([])
    label_steps(panel, example.labels)
    colours = add_panel(figure, WIDTH - 0.65, BELOW, 0.15, height - top - BELOW - 0.25)
    figure.colorbar(panel.images[0], cax=colours)
    return figure


def _draw_inputs(figure: Figure, example: Example, height: float) -> None:
    if example.inputs is None:
        return
    panel = add_panel(figure, 0.7, height - 0.35 - INPUTS, WIDTH - 1.5, INPUTS)
    panel.imshow(example.inputs.cpu().numpy(), aspect="auto", cmap="gray_r", interpolation="nearest")
    panel.set_ylabel("input", fontsize=8)
    panel.set_xticks([])
    panel.set_yticks([])

"""The gates of one sequence over time."""

from __future__ import annotations

from itertools import cycle

from matplotlib.figure import Figure
from torch import Tensor

from seqtrain.analysis.figures.canvas import (
    COLOURS,
    FONT,
    WIDTH,
    add_panel,
    label_steps,
    new_figure,
    space_below,
)
from seqtrain.analysis.figures.example import Example
from seqtrain.analysis.places import DIRECTIONS

PANEL, GAP, ABOVE = 0.6, 0.14, 0.5  # inches


def draw_gates(example: Example) -> Figure:
    """The mean of each gate of the last layer at each step, with a band that holds 8 of 10 units.

    A panel for each gate, since their bands would cover each other. Candidates are left out: they are no
    gates between 0 and 1.
    """
    names = names_of_gates(example)
    gates = [
        (DIRECTIONS[number] if name == names[0] else "", name, part.gates[name])
        for number, part in enumerate(example.directions)
        for name in names
    ]
    below, num_directions = space_below(example.labels), len(example.directions)
    bottom = below + (len(gates) - 1) * (PANEL + GAP) + (num_directions - 1) * ABOVE / 2
    figure = new_figure(WIDTH, bottom + PANEL + ABOVE, f"gates of the last layer, {example.title}")
    colours = dict(zip(names, cycle(COLOURS), strict=False))
    for place, (direction, name, gate) in enumerate(gates):
        bottom -= ABOVE / 2 if direction and place else 0
        _draw_gate(figure, bottom, direction, name, gate, colours[name])
        bottom -= PANEL + GAP
    label_steps(figure.axes[-1], example.labels)
    return figure


def names_of_gates(example: Example) -> list[str]:
    """Those with values between 0 and 1, in the cell's order."""
    return [gate.name for gate in example.gates if gate.kind == "sigmoid"]


def _draw_gate(figure: Figure, bottom: float, direction: str, name: str, gate: Tensor, colour: str) -> None:
    panel = add_panel(figure, 0.85, bottom, WIDTH - 1.0, PANEL)
    low, high = (gate.quantile(share, dim=1).numpy() for share in (0.1, 0.9))
    panel.fill_between(range(len(gate)), low, high, color=colour, alpha=0.2, linewidth=0)
    marker = "o" if len(gate) == 1 else None  # a single step makes no line
    panel.plot(gate.mean(dim=1).numpy(), color=colour, label=name, linewidth=1.8, marker=marker)
    panel.set_title(direction, fontsize=FONT, loc="left", pad=3)
    panel.set_ylabel(name, fontsize=FONT, color=colour)
    panel.set_xlim(-0.5, len(gate) - 0.5)
    panel.set_ylim(-0.02, 1.02)
    panel.set_xticks([])
    panel.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])

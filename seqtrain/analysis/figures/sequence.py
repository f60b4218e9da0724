"""One sequence over time: its states, its gates, and all that is known of one unit."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqtrain.analysis.figures.canvas import (
    COLOURS,
    DIVERGING,
    FONT,
    WIDTH,
    add_legend,
    add_panel,
    label_steps,
    new_figure,
    space_below,
)
from seqtrain.analysis.sample import Array, Example
from seqtrain.recurrence.trace import DIRECTIONS

STATES, INPUTS = 1.9, 0.8  # inches: the heights of panels
GATE, GAP, ABOVE = 0.6, 0.14, 0.5
LINES = 1.5
LEFT, RIGHT = 0.85, 0.6  # beside the panels: names of gates, and the scale of the states
STEP = 0.3  # of a time step, in figures that grow with their sequence

Unit = tuple[int, int, int]  # layer, direction, number


def draw_states(example: Example, layer: int = -1, width: float = WIDTH) -> Figure:
    """h of a layer: a row for each unit and a column for each step; a panel for each direction.

    Units are sorted by the step at which they are largest, so that similar ones are neighbours. The colours
    reach from -1 to 1, where states lie that have bounds, and further if the states do.
    """
    below = space_below(example.labels)
    figure = new_figure(width, below + _height_of_states(example), f"h of {_of_layer(example, layer)}")
    _draw_states(figure, below, 0.35, example, layer)
    label_steps(figure.axes[-2], example.labels)
    return figure


def draw_trace(example: Example, layer: int = -1, width: float | None = None) -> Figure:
    """`draw_states` above `draw_gates`; by default as wide as the sequence needs."""
    below, gates = space_below(example.labels), _height_of_gates(example)
    width = width or max(WIDTH, STEP * example.num_steps)
    height = below + gates + _height_of_states(example)
    figure = new_figure(width, height, f"h and gates of {_of_layer(example, layer)}")
    _draw_gates(figure, below, RIGHT, example, layer)
    if figure.axes:
        label_steps(figure.axes[-1], example.labels)
    _draw_states(figure, below + gates, LEFT, example, layer)
    if not gates:
        label_steps(figure.axes[-2], example.labels)
    return figure


def draw_gates(example: Example, layer: int = -1) -> Figure:
    """The mean of each gate of a layer at each step, with a band that holds 8 of 10 units.

    A panel for each gate, since their bands would cover each other. Candidates are left out: their values are
    not between 0 and 1.
    """
    below = space_below(example.labels)
    height = below + _height_of_gates(example) + ABOVE / 2
    figure = new_figure(WIDTH, height, f"gates of {_of_layer(example, layer)}")
    _draw_gates(figure, below, 0.15, example, layer)
    label_steps(figure.axes[-1], example.labels)
    return figure


def names_of_gates(example: Example) -> list[str]:
    """The gates with values between 0 and 1, in the cell's order."""
    return [gate.name for gate in example.gates if gate.kind == "sigmoid"]


def draw_unit(example: Example, unit: Unit, width: float = WIDTH) -> Figure:
    """States, gates and gradient of one unit: a panel each, with a line for each of its numbers."""
    layer, direction, number = unit
    values = {name: each[layer, direction, :, number] for name, each in example.signals.items()}
    gates = {gate.name: values.pop(gate.name) for gate in example.gates}
    gradient = {"dL/dh": values.pop("gradient")} if "gradient" in values else {}
    panels = [lines for lines in (values, gates, gradient) if lines]
    below = space_below(example.labels)
    height = below + len(panels) * (LINES + GAP) + 0.25
    title = f"unit {number} of layer {layer}, {DIRECTIONS[direction]}: {example.name}"
    figure = new_figure(width, height, title)
    for row, lines in enumerate(panels, start=1):
        bottom = height - 0.25 - row * (LINES + GAP) + GAP
        _draw_lines(add_panel(figure, 0.55, bottom, width - 1.75, LINES), lines)
    label_steps(figure.axes[-1], example.labels)
    return figure


def _of_layer(example: Example, layer: int) -> str:
    num_layers = len(example.signals["h"])
    name = "the last layer" if layer % num_layers == num_layers - 1 else f"layer {layer}"
    return f"{name}, {example.name}"


def _height_of_states(example: Example) -> float:
    return 0.1 + (0 if example.inputs is None else INPUTS + 0.1) + example.num_directions * (STATES + 0.2)


def _draw_states(figure: Figure, bottom: float, left: float, example: Example, layer: int) -> None:
    """From `bottom` up to the title, with their scale."""
    h = example.signals["h"][layer]
    limit = max(1.0, float(np.abs(h).max()))
    height, width = example.num_directions * (STATES + 0.2), figure.get_figwidth() - left - RIGHT
    if example.inputs is not None:
        _draw_inputs(add_panel(figure, left, bottom + height - 0.1, width, INPUTS), example.inputs)
    for direction, states in enumerate(h):
        start = bottom + height - (direction + 1) * (STATES + 0.2)
        panel = add_panel(figure, left, start, width, STATES)
        units = states[:, states.argmax(axis=0).argsort(kind="stable")].T
        panel.imshow(units, aspect="auto", cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
        panel.set_ylabel(f"{DIRECTIONS[direction]}: units", fontsize=FONT)
        panel.set_xticks([])
        panel.set_yticks([])  # numbers would mean nothing: units are sorted
    _draw_scale(figure, limit, bottom, height - 0.2)


def _draw_scale(figure: Figure, limit: float, bottom: float, height: float) -> None:
    """What the colours mean; matplotlib's own scale takes ten times as long."""
    panel = add_panel(figure, figure.get_figwidth() - 0.5, bottom, 0.15, height)
    levels = np.linspace(limit, -limit, 64)[:, None]
    panel.imshow(levels, aspect="auto", cmap=DIVERGING, vmin=-limit, vmax=limit, extent=(0, 1, -limit, limit))
    panel.set_xticks([])
    panel.set_yticks([])
    for value in (-limit, 0, limit):
        panel.text(1.3, value, f"{value:.3g}", fontsize=FONT, va="center")


def _draw_inputs(panel: Axes, inputs: Array) -> None:
    panel.imshow(inputs, aspect="auto", cmap="gray_r", interpolation="nearest")
    panel.set_ylabel("input", fontsize=FONT)
    panel.set_xticks([])
    panel.set_yticks([])


def _height_of_gates(example: Example) -> float:
    num_panels = len(names_of_gates(example)) * example.num_directions
    return num_panels * (GATE + GAP) + (example.num_directions * ABOVE / 2 if num_panels else 0)


def _draw_gates(figure: Figure, bottom: float, right: float, example: Example, layer: int) -> None:
    """From `bottom` up, forward on top."""
    names, start = names_of_gates(example), bottom + _height_of_gates(example)
    colours = dict(zip(names, cycle(COLOURS), strict=False))
    width = figure.get_figwidth() - LEFT - right
    for direction in range(example.num_directions):
        for name in names:
            start -= GATE + GAP + (ABOVE / 2 if name == names[0] else 0)
            panel = add_panel(figure, LEFT, start, width, GATE)
            panel.set_title(
                DIRECTIONS[direction] if name == names[0] else "", fontsize=FONT, loc="left", pad=3
            )
            _draw_gate(panel, name, example.signals[name][layer, direction], colours[name])


def _draw_gate(panel: Axes, name: str, gate: Array, colour: str) -> None:
    low, high = np.quantile(gate, (0.1, 0.9), axis=1)
    panel.fill_between(range(len(gate)), low, high, color=colour, alpha=0.2, linewidth=0)
    marker = "o" if len(gate) == 1 else None  # a single step makes no line
    panel.plot(gate.mean(axis=1), color=colour, label=name, linewidth=1.8, marker=marker)
    panel.set_ylabel(name, fontsize=FONT, color=colour)
    panel.set_xlim(-0.5, len(gate) - 0.5)
    panel.set_ylim(-0.02, 1.02)
    panel.set_xticks([])
    panel.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])


def _draw_lines(panel: Axes, lines: Mapping[str, Array]) -> None:
    for colour, (name, values) in zip(cycle(COLOURS), lines.items(), strict=False):
        panel.plot(values, color=colour, label=name, marker=".")
        panel.set_xlim(-0.5, len(values) - 0.5)
    panel.set_xticks([])
    panel.axhline(0, color="#999", linewidth=0.8)
    add_legend(panel, loc="upper left", bbox_to_anchor=(1, 1))

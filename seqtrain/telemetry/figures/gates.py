"""The gates of one sequence over time."""

from __future__ import annotations

from matplotlib.figure import Figure

from seqtrain.telemetry.figures.canvas import COLOURS, add_panel, label_steps, new_figure
from seqtrain.telemetry.figures.example import Example
from seqtrain.telemetry.gates import TANH_GATES
from seqtrain.telemetry.places import DIRECTIONS

WIDTH, PANEL, BELOW = 7.0, 1.7, 0.9  # inches


def draw_gates(example: Example) -> Figure:
    """The mean of each gate of the last layer at each step, with a band that holds 8 of 10 units.

    Gates with tanh are left out: they are candidate values, not gates between 0 and 1.
    """
    height = 0.45 + len(example.directions) * (PANEL + 0.25) + BELOW
    figure = new_figure(WIDTH, height, f"gates of the last layer, {example.title}")
    for number, part in enumerate(example.directions):
        panel = add_panel(figure, 0.7, height - 0.45 - PANEL - number * (PANEL + 0.25), WIDTH - 1.9, PANEL)
        gates = {name: gate for name, gate in part.gates.items() if name not in TANH_GATES}
        for colour, (name, gate) in zip(COLOURS, gates.items(), strict=False):
            low, high = (gate.quantile(share, dim=1).numpy() for share in (0.1, 0.9))
            steps = range(len(gate))
            panel.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
            panel.plot(steps, gate.mean(dim=1).numpy(), color=colour, label=name, linewidth=1.5)
        panel.set_ylabel(DIRECTIONS[number], fontsize=8)
        panel.set_xlim(-0.5, len(example.labels) - 0.5)
        panel.set_ylim(-0.02, 1.02)
        panel.set_xticks([])
    label_steps(panel, example.labels)
    figure.axes[0].legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8, frameon=False)
    return figure

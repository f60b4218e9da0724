"""The gradient through time, at a glance."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

from seqtrain.telemetry.figures.canvas import COLOURS, add_panel, new_figure
from seqtrain.telemetry.gradients import mean_by_step

SMALLEST = 1e-12  # the lower end of the logarithmic axis


def draw_gradients(norms: Mapping[str, Tensor], lengths: Tensor) -> Figure:
    """The mean norm of dL/dh against the distance to the loss, a line for each place.

    Time runs from left to right, with the loss at the right end: a recurrence that carries gradients far has
    a line that stays high to the left.

    Args:
        norms: by place, (batch, time); column k is k steps before the loss.
        lengths: of the sequences.
    """
    figure = new_figure(7.0, 3.2, "gradient through time: mean norm of dL/dh")
    panel = add_panel(figure, 0.8, 0.5, 4.7, 2.3)
    for number, (place, by_step) in enumerate(norms.items()):
        means = mean_by_step(by_step, lengths).clamp(min=SMALLEST).cpu().numpy()
        style = "--" if place.endswith("backward") else "-"
        panel.plot(means, style, color=COLOURS[number % len(COLOURS)], label=place.replace("/", ", "))
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter(lambda norm, _: f"{norm:.0e}")  # the default typesets its powers: 0.2 s
    panel.invert_xaxis()
    panel.set_xlabel("steps before the loss", fontsize=8)
    panel.grid(alpha=0.3)
    panel.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8, frameon=False)
    return figure

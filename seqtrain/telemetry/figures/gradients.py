"""The gradient through time, at a glance."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from seqtrain.telemetry.figures.canvas import COLOURS, FONT, WIDTH, add_panel, new_figure
from seqtrain.telemetry.gradients import mean_by_step

SMALLEST = 1e-12  # the lower end of the logarithmic axis
MIN_DECADES = 4  # of the axis: the small waves of a healthy gradient look small
MAX_TICKS = 7


def draw_gradients(norms: Mapping[str, Tensor], lengths: Tensor) -> Figure:
    """The mean norm of dL/dh against the distance to the loss, a line for each place.

    Time runs from left to right, with the loss at the right end: a recurrence that carries gradients far has
    a line that stays high to the left.

    Args:
        norms: by place, (batch, time); column k is k steps before the loss.
        lengths: of the sequences.
    """
    legend = 0.2 * -(-len(norms) // 3)
    figure = new_figure(WIDTH, 2.9 + legend, "gradient through time: mean norm of dL/dh")
    panel = add_panel(figure, 0.75, 0.5, WIDTH - 0.95, 2.0)
    means = {
        place: mean_by_step(by_step, lengths).clamp(min=SMALLEST).cpu() for place, by_step in norms.items()
    }
    for number, (place, by_step) in enumerate(means.items()):
        style = "--" if place.endswith("backward") else "-"
        colour = COLOURS[number % len(COLOURS)]
        panel.plot(by_step.numpy(), style, color=colour, label=place.replace("/", ", "))
    _scale(panel, [float(value) for by_step in means.values() for value in (by_step.min(), by_step.max())])
    panel.invert_xaxis()
    panel.set_xlabel("steps before the loss", fontsize=FONT)
    panel.grid(alpha=0.3)
    panel.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1), ncol=min(3, len(norms)), fontsize=FONT, frameon=False
    )
    return figure


def _scale(panel: Axes, values: list[float]) -> None:
    """A logarithmic axis over whole decades. The usual one typesets its labels, which takes 0.2 s."""
    finite = [value for value in values if math.isfinite(value)] or [1.0]
    top = math.ceil(math.log10(max(finite)))
    bottom = min(math.floor(math.log10(min(finite))), top - MIN_DECADES)
    panel.set_yscale("log")
    panel.set_ylim(10.0**bottom, 10.0**top)
    decades = range(bottom, top + 1, -(-(top - bottom) // MAX_TICKS))
    panel.set_yticks([10.0**decade for decade in decades], [f"1e{decade}" for decade in decades])
    panel.minorticks_off()

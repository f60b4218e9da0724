"""Curves: the gradient through time, and what a training logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from seqtrain.analysis.figures.canvas import (
    COLOURS,
    FONT,
    WIDTH,
    add_legend,
    add_panel,
    new_figure,
    scale_decades,
)
from seqtrain.runs.curves import Curve

SMALLEST = 1e-12  # the lower end of the logarithmic axis


def draw_gradients(norms: Mapping[str, Tensor]) -> Figure:
    """The mean norm of dL/dh against the distance to the loss, a line for each place.

    Time runs from left to right, with the loss at the right end: a recurrence that carries gradients far has
    a line that stays high to the left.

    Args:
        norms: by place; see `seqtrain.analysis.gradients.gradient_through_time`.
    """
    legend = 0.2 * -(-len(norms) // 3)
    figure = new_figure(WIDTH, 2.9 + legend, "gradient through time: mean norm of dL/dh")
    panel = add_panel(figure, 0.75, 0.5, WIDTH - 0.95, 2.0)
    means = {place: by_step.clamp(min=SMALLEST).cpu() for place, by_step in norms.items() if len(by_step)}
    for number, (place, by_step) in enumerate(means.items()):
        style = "--" if place.endswith("backward") else "-"
        colour = COLOURS[number % len(COLOURS)]
        panel.plot(by_step.numpy(), style, color=colour, label=place.replace("/", ", "))
    scale_decades(
        panel, [float(value) for by_step in means.values() for value in (by_step.min(), by_step.max())]
    )
    panel.invert_xaxis()
    panel.set_xlabel("steps before L, the loss at the direction's last step", fontsize=FONT)
    panel.grid(alpha=0.3)
    add_legend(panel, loc="lower center", bbox_to_anchor=(0.5, 1), ncol=min(3, len(norms)))
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

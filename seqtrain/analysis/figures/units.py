"""The units that tell a target best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from seqtrain.analysis.figures.canvas import COLOURS, FONT, add_panel, label_rows, new_figure
from seqtrain.analysis.places import DIRECTIONS

BAR, BESIDE, WIDTH = 0.28, 2.3, 6.0  # inches


def draw_units(areas: npt.NDArray[np.float64], names: Sequence[str], num_bars: int = 20) -> Figure:
    """A bar for each of the units that tell a target best, from 0.5, chance, to its area under the curve.

    Args:
        areas: (layers, directions, hidden, targets); see `seqtrain.analysis.selectivity`.
        names: of the targets.
        num_bars: how many at most.
    """
    by_unit = areas.reshape(-1, len(names))
    strength = np.nan_to_num(np.abs(by_unit - 0.5), nan=-1.0)
    best = np.argsort(-strength.max(axis=1), kind="stable")[:num_bars]
    targets = strength.argmax(axis=1)
    height = BAR * len(best)
    figure = new_figure(WIDTH, height + 0.8, "units that tell a target from the others")
    panel = add_panel(figure, BESIDE, 0.5, WIDTH - BESIDE - 0.15, height)
    lengths = [by_unit[unit, targets[unit]] - 0.5 for unit in best]
    panel.barh(range(len(best)), lengths, left=0.5, color=COLOURS[0])
    places = [np.unravel_index(unit, areas.shape[:3]) for unit in best]
    labels = [
        f"layer {layer} {DIRECTIONS[direction]} {number}: {names[targets[unit]]}"
        for unit, (layer, direction, number) in zip(best, places, strict=True)
    ]
    panel.set_ylim(len(best) - 0.5, -0.5)
    panel.set_xlim(0, 1)
    label_rows(panel, labels)
    panel.set_xlabel("area under the ROC curve", fontsize=FONT)
    return figure

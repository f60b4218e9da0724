"""Forecasts of series beside what was seen and what came, and their errors by the rows ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from seqtrain.analysis.figures.canvas import COLOURS, FONT, WIDTH, add_legend, add_panel, new_figure
from seqtrain.analysis.sample import Array
from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec, Horizon, SeriesInputs

HEIGHT, GAP, LEFT, TOP, BOTTOM = 1.1, 0.45, 0.6, 0.7, 0.45  # inches
SEEN = 2  # rows of the context that are drawn, as a multiple of those that are forecast


@dataclass(frozen=True)
class SeriesWindow:
    """One series of a window, in the units of the data; `truth` is None where it is not known yet."""

    name: str
    seen: Array  # (rows,), the context
    forecast: Array  # (rows ahead,)
    truth: Array | None
    quantiles: Mapping[float, Array] = field(default_factory=dict)  # (rows ahead,) each, by probability


def read_windows(
    batch: SequenceBatch, spec: DataSpec, predictions: Tensor, quantiles: Mapping[float, Tensor]
) -> Iterator[SeriesWindow]:
    """The series of each sequence of a batch, which is on the CPU, as are the predictions for it."""
    inputs, horizon, origins = spec.inputs, spec.targets, batch.origins
    assert isinstance(inputs, SeriesInputs)
    assert isinstance(horizon, Horizon)
    assert isinstance(batch.inputs, Tensor)
    assert origins is not None
    series, last = origins.series.numpy(), origins.last.numpy()

    def in_units(values: Tensor) -> Array:
        """(batch, rows, series of a window)"""
        return horizon.restore(values.float().flatten(1).numpy(), series, last)

    seen = in_units(batch.inputs.reshape(len(batch), inputs.context, -1)[..., : series.shape[1]])
    forecasts, truth = in_units(predictions), None if batch.targets is None else in_units(batch.targets)
    bands = {share: in_units(each) for share, each in quantiles.items()}
    for row, column in np.ndindex(series.shape):
        yield SeriesWindow(
            horizon.names[series[row, column]],
            seen[row, :, column],
            forecasts[row, :, column],
            None if truth is None else truth[row, :, column],
            {share: each[row, :, column] for share, each in bands.items()},
        )


def draw_forecasts(windows: Sequence[SeriesWindow]) -> Figure:
    """A panel for each window: the end of what was seen, what came, the forecast and its quantiles."""
    whole = TOP + BOTTOM + len(windows) * HEIGHT + (len(windows) - 1) * GAP
    figure = new_figure(WIDTH, whole, "forecasts")
    for number, window in enumerate(windows):
        bottom = whole - TOP - (number + 1) * HEIGHT - number * GAP
        panel = add_panel(figure, LEFT, bottom, WIDTH - LEFT - 0.15, HEIGHT)
        ahead = np.arange(1, len(window.forecast) + 1)
        seen = window.seen[-SEEN * len(ahead) :]
        panel.plot(np.arange(1 - len(seen), 1), seen, color="#666666", linewidth=1, label="seen")
        if window.truth is not None:
            panel.plot(ahead, window.truth, color="black", linewidth=1, label="truth")
        if window.quantiles:
            low, high = min(window.quantiles), max(window.quantiles)
            between = (window.quantiles[low], window.quantiles[high])
            label = f"{low:g} to {high:g}"
            panel.fill_between(ahead, *between, color=COLOURS[0], alpha=0.25, linewidth=0, label=label)
        panel.plot(ahead, window.forecast, color=COLOURS[0], linewidth=1.2, label="forecast")
        panel.set_title(window.name, fontsize=FONT, loc="left", pad=2)
        panel.grid(alpha=0.3)
        if number == 0:
            add_legend(panel, loc="lower right", bbox_to_anchor=(1, 1.08), ncol=4)
    panel.set_xlabel("rows ahead", fontsize=FONT)
    return figure


def draw_errors_by_horizon(table: Sequence[Sequence[str | float]]) -> Figure:
    """The mean absolute error of the network and of the naive forecasts, by the number of rows ahead.

    Args:
        table: with a header; its first column is the number of rows ahead, those of errors end in `mae`.
    """
    header, *rows = table
    figure = new_figure(WIDTH, 3.0, "mean absolute error, in standard deviations")
    panel = add_panel(figure, LEFT, BOTTOM, WIDTH - LEFT - 0.15, 3.0 - BOTTOM - TOP)
    columns = [str(name) for name in header if str(name).endswith("mae")]
    for number, name in enumerate(columns):
        column = list(header).index(name)
        label = name.removesuffix("_mae").replace("_", " ") if name != "mae" else "network"
        colour = COLOURS[number % len(COLOURS)]
        panel.plot([row[0] for row in rows], [row[column] for row in rows], color=colour, label=label)
    panel.set_ylim(bottom=0)
    panel.set_xlabel("rows ahead", fontsize=FONT)
    panel.grid(alpha=0.3)
    add_legend(panel, loc="lower center", bbox_to_anchor=(0.5, 1), ncol=3)
    return figure

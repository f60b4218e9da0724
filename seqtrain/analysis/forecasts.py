"""Windows of series with their forecasts, as figures are drawn from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from torch import Tensor

from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec, Horizon, SeriesInputs

Array = npt.NDArray[np.float32]


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

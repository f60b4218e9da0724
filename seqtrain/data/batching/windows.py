"""Windows of series: what was seen, and what came next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtrain.records import Origins, SequenceBatch
from seqtrain.spec import DataSpec, Horizon, SeriesInputs


@dataclass(frozen=True)
class WindowDataset:
    """Windows of the rows of series, cut on demand.

    Where series are independent, each window of one series is a sequence of its own; the series vary fastest.
    """

    values: Tensor  # (rows, columns) float, scaled
    starts: Tensor  # (windows,) int64: the first row of each
    inputs: SeriesInputs
    horizon: Horizon
    has_targets: bool = True

    @property
    def lengths(self) -> Tensor:
        """(num_sequences,) the same for all."""
        return torch.full((len(self.starts) * self._per_window,), self.inputs.context // self.inputs.fold)

    @property
    def target_rows(self) -> Tensor:
        """(rows, series): all rows that are targets of a window."""
        first, last = int(self.starts[0]), int(self.starts[-1])
        ahead = slice(first + self.inputs.context, last + self.inputs.context + self.horizon.length)
        return self.values[ahead, : len(self.inputs.series)]

    def batch(self, indices: Tensor | Sequence[int]) -> SequenceBatch:
        indices = torch.as_tensor(indices)
        series = self._series_of(indices)
        covariates = torch.arange(len(self.inputs.series), self.values.shape[1]).expand(len(indices), -1)
        starts = self.starts[indices // self._per_window]
        context, size = self.inputs.context, series.shape[1]
        seen = self._cut(starts, context, torch.cat((series, covariates), dim=1))
        last = seen[:, -1, :size].clone() if self.inputs.subtract_last else torch.zeros(series.shape)
        seen[..., :size] -= last[:, None]
        origins = Origins(series, last, seen[:, context - self.horizon.season :, :size].clone())
        targets = None
        if self.has_targets:
            ahead = self._cut(starts + context, self.horizon.length, series) - last[:, None]
            targets = ahead.flatten(1)
        steps = seen.view(len(indices), context // self.inputs.fold, -1)
        lengths = torch.full((len(indices),), steps.shape[1])
        return SequenceBatch(steps, lengths, targets, origins=origins)

    @property
    def _per_window(self) -> int:
        """The sequences of a window."""
        return len(self.inputs.series) if self.inputs.independent else 1

    def _series_of(self, indices: Tensor) -> Tensor:
        """(batch, series of a sequence)"""
        if self.inputs.independent:
            return indices[:, None] % self._per_window
        return torch.arange(len(self.inputs.series)).expand(len(indices), -1)

    def _cut(self, starts: Tensor, num_rows: int, columns: Tensor) -> Tensor:
        """(batch, num_rows, columns of a sequence)"""
        rows = starts[:, None] + torch.arange(num_rows)
        return self.values[rows[..., None], columns[:, None]]


def encode_windows(spec: DataSpec, windows: npt.NDArray[np.float64]) -> WindowDataset:
    """Windows to predict on, (windows, context, columns) in the units of the data."""
    inputs, horizon = spec.inputs, spec.targets
    assert isinstance(inputs, SeriesInputs)
    assert isinstance(horizon, Horizon)
    assert inputs.standardization is not None
    mean, deviation = (np.asarray(each) for each in inputs.standardization)
    scaled = torch.from_numpy((windows - mean) / deviation).float()
    starts = torch.arange(len(windows)) * inputs.context
    return WindowDataset(scaled.flatten(0, 1), starts, inputs, horizon, has_targets=False)

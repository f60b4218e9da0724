"""Series to forecast, from a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from seqtrain.data.batching.windows import WindowDataset
from seqtrain.data.corpus import SPLITS, Batching, Corpus, Dataset
from seqtrain.data.files.series import TimeSeries, read_series
from seqtrain.errors import DataError
from seqtrain.shipped import shipped_folder
from seqtrain.spec import DataSpec, Horizon, SeriesInputs

Channels: TypeAlias = Literal["independent", "joint"]
Array: TypeAlias = npt.NDArray[np.float64]


class Series:
    """Windows of the series in a CSV file, each with the rows that come next.

    The rows are split by time: train comes first, test last. The rows to forecast lie in one split; the rows
    that are read for them may reach back into the split before. Columns are standardized by train.

    Args:
        path: of a CSV file, see `seqtrain.data.read_series`; None: the sample that comes with the package.
        time: the column with times; None: the first column, if it has no numbers.
        targets: the columns to forecast; None: all but the times and the covariates.
        covariates: columns to read in addition, which are not forecast.
        context: rows to read.
        horizon: rows to forecast.
        stride: rows between the beginnings of train's windows; dev and test have all windows.
        fold: rows in one time step of the recurrence.
        season: rows after which a series tends to repeat itself; used by the seasonal naive forecast.
        subtract_last: whether the last value in the window is subtracted from a series.
        channels: `independent`: the network sees one series at a time, whichever it is, and the covariates;
            `joint`: all of them together.
        split: the shares of train, dev and test, or their numbers of rows.
    """

    def __init__(
        self,
        *,
        path: str | Path | None,
        context: int,
        horizon: int,
        fold: int,
        season: int,
        batch_size: int,
        eval_batch_size: int,
        time: str | None = None,
        targets: Sequence[str] | None = None,
        covariates: Sequence[str] = (),
        stride: int = 1,
        subtract_last: bool = True,
        channels: Channels = "independent",
        split: Sequence[float] = (0.7, 0.1, 0.2),
        max_tokens: int | None = None,
        epochs: int | None = None,
        min_steps: int = 0,
    ) -> None:
        if context % fold or season > context:
            raise ValueError(
                f"context {context} must be a multiple of fold {fold}, and at least season {season}"
            )
        self.batching = Batching(batch_size, max_tokens, eval_batch_size, epochs, min_steps)
        sample = shipped_folder("samples", "data/samples") / "series" / "hourly.csv"
        self._path = sample if path is None else Path(path)
        self._time, self._covariates = time, tuple(covariates)
        self._targets = None if targets is None else tuple(targets)
        self._context, self._horizon, self._stride, self._fold = context, horizon, stride, fold
        self._season, self._subtract_last, self._split = season, subtract_last, tuple(split)
        self._independent = channels == "independent"

    def load(self) -> Corpus:
        series = self._read()
        ends = _find_ends(len(series), self._split, self._path)
        self._check_sizes(ends)
        num_series = len(series.names) - len(self._covariates)
        train = series.values[: ends["train"]]
        _check_variation(train, series.names, self._path)
        mean, deviation = train.mean(axis=0), train.std(axis=0)
        scaled = (series.values - mean) / deviation
        inputs = SeriesInputs(
            feature_size=self._fold * (len(series.names) - (num_series - 1 if self._independent else 0)),
            standardization=(tuple(mean.tolist()), tuple(deviation.tolist())),
            series=series.names[:num_series],
            covariates=self._covariates,
            time=None if series.times is None else series.times.name,
            distance=None if series.times is None else series.times.distance,
            context=self._context,
            fold=self._fold,
            subtract_last=self._subtract_last,
            independent=self._independent,
        )
        targets = Horizon(
            names=inputs.series,
            standardization=(tuple(mean[:num_series].tolist()), tuple(deviation[:num_series].tolist())),
            length=self._horizon,
            independent=self._independent,
            season=self._season,
            naive_errors=_naive_errors(scaled[: ends["train"], :num_series], self._season),
        )
        values = torch.from_numpy(scaled).float()
        splits: dict[str, Dataset] = {
            split: WindowDataset(values, self._starts(split, ends), inputs, targets) for split in SPLITS
        }
        return Corpus(DataSpec(inputs, targets), splits, notes=self._notes(series, ends))

    def _read(self) -> TimeSeries:
        """The targets, then the covariates."""
        columns = None if self._targets is None else [*self._targets, *self._covariates]
        series = read_series(self._path, self._time, columns)
        if columns is None:
            targets = [name for name in series.names if name not in self._covariates]
            if not targets:
                raise DataError("every column is a covariate, so there is nothing to forecast", self._path)
            series = series.choose([*targets, *self._covariates])
        return series

    def _starts(self, split: str, ends: dict[str, int]) -> torch.Tensor:
        """The first row of each window whose last rows are in this split."""
        last = ends[split] - self._context - self._horizon
        if split == "train":
            return torch.arange(0, last + 1, self._stride)
        before = SPLITS[SPLITS.index(split) - 1]
        return torch.arange(ends[before] - self._context, last + 1)

    def _check_sizes(self, ends: dict[str, int]) -> None:
        needed = self._context + self._horizon
        if ends["train"] < needed:
            raise DataError(
                f"train has {ends['train']:,} rows, and a window {needed:,}: context {self._context} and "
                f"horizon {self._horizon}; give a longer series, or smaller ones",
                self._path,
            )
        for before, split in (("train", "dev"), ("dev", "test")):
            num_rows = ends[split] - ends[before]
            if num_rows < self._horizon:
                raise DataError(
                    f"{split} has {num_rows:,} rows, fewer than the horizon of {self._horizon}; give a "
                    "longer series, another data.split, or a smaller data.horizon",
                    self._path,
                )

    def _notes(self, series: TimeSeries, ends: dict[str, int]) -> tuple[str, ...]:
        unused = len(series) - ends["test"]
        return (f"the last {unused:,} rows belong to none of the splits in data.split",) if unused else ()


def _find_ends(num_rows: int, split: Sequence[float], path: Path) -> dict[str, int]:
    """The number of rows up to the end of each split."""
    if sum(split) > 1:
        sizes = [int(each) for each in split]
        if sum(sizes) > num_rows:
            raise DataError(f"{num_rows:,} rows; data.split has {sum(sizes):,}", path)
    else:
        sizes = [int(share * num_rows) for share in split]
        if abs(sum(split) - 1) < 1e-9:
            sizes[1] = num_rows - sizes[0] - sizes[2]
    return dict(zip(SPLITS, np.cumsum(sizes).tolist(), strict=True))


def _check_variation(train: Array, names: Sequence[str], path: Path) -> None:
    for name, column in zip(names, train.T, strict=True):
        if (column == column[0]).all():
            value = f"{column[0]:g} in all of train"
            problem = f"the column {name} is {value}; leave it out, or change data.split"
            raise DataError(problem, path)


def _naive_errors(train: Array, season: int) -> tuple[float, ...]:
    return tuple(np.abs(train[season:] - train[:-season]).mean(axis=0).tolist())

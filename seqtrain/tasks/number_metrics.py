"""Errors of predicted numbers, and of forecasts beside those of two that need no training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor
from torchmetrics import Metric

from seqtrain.records import Origins, is_known
from seqtrain.spec import Horizon, Numbers, Standardization
from seqtrain.tasks.metrics import Metrics

Table: TypeAlias = list[list[str | float]]

NETWORK, NAIVE, SEASONAL = "network", "naive", "seasonal_naive"


class NumberMetrics(Metrics):
    """MAE, MSE, RMSE and R^2 as well.

    Args:
        targets: the numbers.
        further: see `Metrics`; they are given numbers as they were learnt.
    """

    own_names = Metrics.own_names | {"mae", "mse", "rmse", "r2", "scaled_mae", "scaled_mse", "scaled_rmse"}

    def __init__(self, targets: Numbers, further: Mapping[str, Metric] | None = None) -> None:
        super().__init__(targets, further)
        self.names, self.standardization = targets.names, targets.standardization
        self.errors = ErrorSums(len(self.names))

    def update(
        self,
        predictions: Tensor,
        targets: Tensor,
        loss_sum: Tensor,
        unseen: Tensor | None = None,
        probabilities: Tensor | None = None,
    ) -> None:
        super().update(predictions, targets, loss_sum, unseen, probabilities)
        self.errors.update(predictions, targets)

    def compute(self) -> dict[str, float]:
        """`mae`, `mse`, `rmse` and `r2` in the units of the data; `scaled_mae`, ... where they were scaled.

        `mae`, `mse` and `rmse` are over all numbers, `r2` is the mean of those of each name; where there are
        several, `mae/<name>` and `r2/<name>` are of one.
        """
        sums: Tensor = self.errors.compute().cpu().double()
        metrics = super().compute()
        if self.standardization is not None:
            metrics |= {f"scaled_{name}": value for name, value in errors_of(sums).items()}
            sums = in_units(sums, self.standardization)
        metrics |= errors_of(sums)
        of_each = {"mae": (sums[1] / sums[0]).tolist(), "r2": compute_r2(sums).tolist()}
        metrics["r2"] = sum(of_each["r2"]) / len(self.names)
        if len(self.names) > 1:
            for metric, values in of_each.items():
                named = zip(self.names, values, strict=True)
                metrics |= {f"{metric}/{name}": value for name, value in named}
        return metrics


class ForecastMetrics(Metrics):
    """MAE, MSE, RMSE and MASE as well, of the network and of the naive forecasts for the same windows.

    The naive forecast repeats the last value, the seasonal one the last season.

    Args:
        targets: what is forecast.
        further: see `Metrics`; they are given numbers as they were learnt.
    """

    own_names = Metrics.own_names | {
        *(f"{scale}{error}" for scale in ("", "scaled_") for error in ("mae", "mse", "rmse")),
        *("mase", NAIVE, SEASONAL),
    }

    def __init__(self, targets: Horizon, further: Mapping[str, Metric] | None = None) -> None:
        super().__init__(targets, further)
        self.horizon = targets
        forecasts = [NETWORK, NAIVE] + [SEASONAL] * (targets.season > 1)
        size = targets.length * len(targets.names)
        self.errors = torch.nn.ModuleDict({name: ErrorSums(size) for name in forecasts})

    def update_forecasts(self, predictions: Tensor, targets: Tensor, origins: Origins) -> None:
        """Add windows: (batch, horizon * series of a window) each."""
        batch, length = len(targets), self.horizon.length
        season = origins.recent.shape[1]
        ahead = torch.arange(length, device=predictions.device)
        forecasts = {
            NETWORK: predictions.view(batch, length, -1),
            NAIVE: origins.recent[:, -1:].expand(-1, length, -1),
            SEASONAL: origins.recent.index_select(1, ahead % season),
        }
        expected = self._by_series(targets.view(batch, length, -1), origins.series)
        for name, errors in self.errors.items():
            assert isinstance(errors, ErrorSums)
            errors.update(self._by_series(forecasts[name], origins.series).flatten(1), expected.flatten(1))

    def _by_series(self, values: Tensor, series: Tensor) -> Tensor:
        """(batch, horizon, series of a window) to (batch, horizon, all series), NaN for the others."""
        spread = values.new_full((*values.shape[:2], len(self.horizon.names)), torch.nan)
        return spread.scatter(2, series[:, None].expand_as(values), values)

    def compute(self) -> dict[str, float]:
        """`mae`, `mse` and `rmse` in the units of the data, `scaled_mae`, ... as they were learnt; `mase`.

        They are over all values of all series; `mase` is the mean over the series of the mean absolute error
        as a multiple of that of the value one season before on train (Hyndman and Koehler, 2006). The errors
        of the naive forecasts are `naive/mae`, `seasonal_naive/mae`, ...; `mae/<name>` is the error of one of
        several series.
        """
        metrics = super().compute() | self._errors(NETWORK)
        for name in self.errors:
            if name != NETWORK:
                metrics |= {f"{name}/{error}": value for error, value in self._errors(name).items()}
        if len(self.horizon.names) > 1:
            count, absolute, *_ = in_units(self._sums(NETWORK).sum(dim=1), self._standardization)
            mean = (absolute / count).tolist()
            metrics |= {f"mae/{name}": value for name, value in zip(self.horizon.names, mean, strict=True)}
        return metrics

    def tables(self) -> dict[str, Table]:
        """`errors_by_horizon`: for each row ahead mean error, MAE and RMSE as learnt; the naive MAEs."""
        sums = {name: self._sums(name).sum(dim=2) for name in self.errors}
        count, absolute, squared, total, *_ = sums[NETWORK]
        columns = {"error": total / count, "mae": absolute / count, "rmse": (squared / count).sqrt()}
        columns |= {f"{name}_mae": each[1] / each[0] for name, each in sums.items() if name != NETWORK}
        rows = torch.stack(list(columns.values()), dim=1).tolist()
        return {
            "errors_by_horizon": [["ahead", *columns], *([n, *row] for n, row in enumerate(rows, start=1))]
        }

    @property
    def _standardization(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        assert self.horizon.standardization is not None
        return self.horizon.standardization

    def _sums(self, name: str) -> Tensor:
        """(6, horizon, series)"""
        errors = self.errors[name]
        assert isinstance(errors, ErrorSums)
        sums: Tensor = errors.compute().cpu().double()
        return sums.view(len(sums), self.horizon.length, -1)

    def _errors(self, name: str) -> dict[str, float]:
        sums = self._sums(name).sum(dim=1)
        metrics = {f"scaled_{error}": value for error, value in errors_of(sums).items()}
        metrics |= errors_of(in_units(sums, self._standardization))
        usual = torch.tensor(self.horizon.naive_errors, dtype=torch.float64)
        if bool((usual > 0).any()):
            shares = (sums[1] / sums[0])[usual > 0] / usual[usual > 0]
            metrics["mase"] = float(shares.mean())
        return metrics


class ErrorSums(Metric):
    """For each column, how many targets are known, and the sums from which errors follow."""

    full_state_update = False
    powers = (0, 1, 2, 1, 1, 2)
    """Of the unit in each sum: count, absolute errors, squared errors, errors, targets, squared targets."""
    sums: Tensor

    def __init__(self, num_columns: int) -> None:
        super().__init__()
        self.add_state("sums", torch.zeros(len(self.powers), num_columns), dist_reduce_fx="sum")

    def update(self, predictions: Tensor, targets: Tensor) -> None:
        """Add positions, (..., columns) each. Nothing is read back from the device."""
        known = is_known(targets)
        targets = targets.where(known, 0.0)
        errors = (predictions.float() - targets).where(known, 0.0)
        terms = (known.float(), errors.abs(), errors.square(), errors, targets, targets.square())
        self.sums = self.sums + torch.stack([each.flatten(0, -2).sum(dim=0) for each in terms])

    def compute(self) -> Tensor:
        """(6, columns), see `powers`."""
        return self.sums


def in_units(sums: Tensor, standardization: Standardization) -> Tensor:
    """What `ErrorSums` computes, (6, ..., names), in the units of the data; targets stay centered."""
    deviations = torch.tensor(standardization[1], dtype=sums.dtype)
    return torch.stack([part * deviations**power for part, power in zip(sums, ErrorSums.powers, strict=True)])


def errors_of(sums: Tensor) -> dict[str, float]:
    """`mae`, `mse` and `rmse` over all columns of what `ErrorSums` computes."""
    count, absolute, squared = sums[:3].sum(dim=1).tolist()
    mse = squared / count
    return {"mae": absolute / count, "mse": mse, "rmse": math.sqrt(mse)}


def compute_r2(sums: Tensor) -> Tensor:
    """(columns,) R^2: 1 - squared errors / squared distances of the targets from their mean.

    Where all targets are equal it is 1 for predictions without an error, else 0.
    """
    count, _, squared, _, total, squares = sums
    distances = squares - total.square() / count
    r2 = 1 - squared / distances
    is_constant = distances <= squares * 1e-6
    return torch.where(is_constant, (squared <= squares * 1e-6).double(), r2)

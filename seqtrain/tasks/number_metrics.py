"""Errors of predicted numbers, in the units of the data and as they were learnt."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torchmetrics import Metric

from seqtrain.records import is_known
from seqtrain.spec import Numbers, Standardization
from seqtrain.tasks.metrics import Metrics


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
        of_each = {"mae": (sums[1] / sums[0]).tolist(), "r2": explained_shares(sums).tolist()}
        metrics["r2"] = sum(of_each["r2"]) / len(self.names)
        if len(self.names) > 1:
            for metric, values in of_each.items():
                named = zip(self.names, values, strict=True)
                metrics |= {f"{metric}/{name}": value for name, value in named}
        return metrics


class ErrorSums(Metric):
    """Of each column: how many targets are known, and the sums from which errors follow."""

    full_state_update = False
    powers = (0, 1, 2, 1, 1, 2)
    """Of the unit: the count, absolute errors, squared errors, errors, targets, squared targets."""
    sums: Tensor

    def __init__(self, num_columns: int) -> None:
        super().__init__()
        self.add_state("sums", torch.zeros(len(self.powers), num_columns), dist_reduce_fx="sum")

    def update(self, predictions: Tensor, targets: Tensor) -> None:
        """Add positions, (..., columns) each. Nothing is read back from the device."""
        known = is_known(targets)
        targets = targets.where(known, 0.0)
        errors = (predictions.float() - targets).where(known, 0.0)
        parts = (known.float(), errors.abs(), errors.square(), errors, targets, targets.square())
        self.sums = self.sums + torch.stack([part.flatten(0, -2).sum(dim=0) for part in parts])

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


def explained_shares(sums: Tensor) -> Tensor:
    """(columns,) R^2: 1 - squared errors / squared distances of the targets from their mean.

    Where the targets do not differ it is 1 for predictions without an error, else 0.
    """
    count, _, squared, _, total, squares = sums
    distances = squares - total.square() / count
    shares = 1 - squared / distances
    is_constant = distances <= squares * 1e-6
    return torch.where(is_constant, (squared <= squares * 1e-6).double(), shares)

"""Statistics of single units over a split: which of them are dead, and how many directions they span."""

from __future__ import annotations

import torch
from torch import Tensor

DEAD = 0.01  # a unit is dead when its standard deviation over the sequences is below this


class UnitStatistics:
    """Means and covariances of the units of a state, over many batches, for each row (layer and direction).

    Memory is (rows, hidden_size, hidden_size), whatever the number of sequences. Sums are in float64 where
    the device has it, since the effective rank depends on small eigenvalues; batches are merged as Chan,
    Golub and LeVeque (1979) do. Nothing leaves the device before `compute`.
    """

    def __init__(self) -> None:
        self._num = 0
        self._mean: Tensor | None = None  # (rows, hidden_size)
        self._scatter: Tensor | None = (
            None  # (rows, hidden_size, hidden_size): sums of products about the mean
        )

    @torch.no_grad()
    def update(self, state: Tensor) -> None:
        """Count the states of one batch, (rows, batch, hidden_size)."""
        values = state.detach().to(torch.float32 if state.device.type == "mps" else torch.float64)
        num, mean = values.shape[1], values.mean(dim=1)
        centred = values - mean[:, None]
        scatter = centred.mT @ centred
        if self._mean is None or self._scatter is None:
            self._num, self._mean, self._scatter = num, mean, scatter
            return
        total = self._num + num
        difference = mean - self._mean
        between = difference[:, :, None] * difference[:, None, :] * (self._num * num / total)
        self._scatter = self._scatter + scatter + between
        self._mean = self._mean + difference * (num / total)
        self._num = total

    def compute(self) -> list[dict[str, float]]:
        """`dead` and `effective_rank` of each row; nothing without an update.

        `dead` is the share of units that hardly vary over the sequences. `effective_rank` (Roy and Vetterli,
        2007) is the exponential of the entropy of the singular values of the centred states, scaled to sum
        to 1: the number of directions that the states fill, at most the smaller of hidden_size and the number
        of sequences less one. It is 0 where no unit varies at all.
        """
        if self._scatter is None:
            return []
        scatter = self._scatter.cpu().double()
        deviations = (scatter.diagonal(dim1=1, dim2=2) / self._num).clamp(min=0).sqrt()
        dead = (deviations < DEAD).double().mean(dim=1)
        finite = torch.isfinite(scatter).all(dim=2).all(dim=1)  # LAPACK refuses a row that is not
        eigenvalues = torch.linalg.eigvalsh(scatter.where(finite[:, None, None], 0.0))
        ranks = effective_rank(eigenvalues.clamp(min=0).sqrt()).where(finite, torch.nan)
        return [
            {"dead": share, "effective_rank": rank}
            for share, rank in zip(dead.tolist(), ranks.tolist(), strict=True)
        ]


def effective_rank(singular_values: Tensor) -> Tensor:
    """(rows, n) singular values to (rows,)."""
    total = singular_values.sum(dim=1)
    shares = singular_values / total.clamp(min=torch.finfo(singular_values.dtype).tiny)[:, None]
    entropy = -torch.xlogy(shares, shares).sum(dim=1)
    return torch.where(total > 0, entropy.exp(), 0.0)

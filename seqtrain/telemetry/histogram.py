"""Histograms of values whose range is not known beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Bins of 1/32 where h lives, then ever wider ones for c, which has no bounds.
_FINE = torch.linspace(0, 1, 33)
_COARSE = 1.25 ** torch.arange(1, 40)
HISTOGRAM_EDGES = torch.cat((-_COARSE.flip(0), -_FINE.flip(0), _FINE[1:], _COARSE))
NUM_BINS = len(HISTOGRAM_EDGES) + 1  # one below the first edge and one above the last


@dataclass(frozen=True)
class Histogram:
    """How many of `num` values lie below the first edge, between each two edges and from the last edge on.

    `edges` rise; `counts` has one entry more. `sum` and `sum_squares` are those of the values.
    """

    edges: Tensor
    counts: Tensor
    minimum: float
    maximum: float
    num: int
    sum: float
    sum_squares: float

    def trimmed(self) -> Histogram:
        """The same without empty bins at either end, so that a chart's axis fits the values."""
        (filled,) = self.counts.nonzero(as_tuple=True)
        if len(filled) == 0:
            return self
        first, last = int(filled[0]), int(filled[-1])
        return Histogram(
            self.edges[first:last],
            self.counts[first : last + 1],
            self.minimum,
            self.maximum,
            self.num,
            self.sum,
            self.sum_squares,
        )


def count_bins(values: Tensor) -> Tensor:
    """How many values of each row lie in each bin of HISTOGRAM_EDGES: (rows, num) to (rows, NUM_BINS)."""
    rows, num = values.shape
    bins = torch.bucketize(values.contiguous(), HISTOGRAM_EDGES.to(values.device), right=True)
    bins += torch.arange(rows, device=values.device)[:, None] * NUM_BINS
    counts = torch.zeros(rows * NUM_BINS, device=values.device)
    counts.index_add_(0, bins.flatten(), torch.ones((), device=values.device).expand(rows * num))
    return counts.view(rows, NUM_BINS)

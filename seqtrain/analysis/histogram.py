"""Histograms of values whose range is not known beforehand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

# Bins of 1/32 between -1 and 1, where h lives; beyond, for c, which has no bounds, four in each power of two.
# Both are read off the bits of a float32, many times faster than a search among the edges.
_NUM_FINE = 32
_NUM_OCTAVES = 13
_FINE = torch.linspace(0, 1, _NUM_FINE + 1)
_COARSE = (torch.arange(_NUM_OCTAVES).exp2()[:, None] * torch.tensor([1.0, 1.25, 1.5, 1.75])).flatten()[1:]
_COARSE = torch.cat((_COARSE, torch.tensor([2.0**_NUM_OCTAVES])))
HISTOGRAM_EDGES = torch.cat((-_COARSE.flip(0), -_FINE.flip(0), _FINE[1:], _COARSE))
NUM_BINS = len(HISTOGRAM_EDGES) + 1  # one below the first edge and one above the last
_ONE = 0x3F800000 >> 21  # exponent and first two bits of the mantissa of 1.0


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
        return replace(self, edges=self.edges[first:last], counts=self.counts[first : last + 1])


def count_bins(values: Tensor) -> Tensor:
    """How many values of each row lie in each bin of HISTOGRAM_EDGES: (rows, num) to (rows, NUM_BINS).

    A value on an edge belongs to the bin above it, NaN to the last one.
    """
    rows = len(values)
    bins = _find_bins(values.float().contiguous())
    bins += torch.arange(rows, device=values.device, dtype=bins.dtype)[:, None] * NUM_BINS
    counts = torch.zeros(rows * NUM_BINS, device=values.device)
    counts.index_add_(0, bins.flatten(), torch.ones((), device=values.device).expand(bins.numel()))
    return counts.view(rows, NUM_BINS)


def _find_bins(values: Tensor) -> Tensor:
    """The number of edges that are not above each value."""
    zero = len(_COARSE) + _NUM_FINE  # edges below 0
    inner = (values * _NUM_FINE).floor().clamp(-_NUM_FINE, _NUM_FINE).int() + zero + 1
    is_low = values <= -1
    magnitude = values.view(torch.int32) & 0x7FFFFFFF
    # An edge belongs to the bin above it: from -1 down, that is the bin of smaller magnitudes.
    octave = ((magnitude - is_low.int()) >> 21) - _ONE
    outer = torch.where(is_low, len(_COARSE) - octave, zero + 1 + _NUM_FINE + octave)
    return torch.where(values.abs() < 1, inner, outer).clamp_(0, NUM_BINS - 1).long()

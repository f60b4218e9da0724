from __future__ import annotations

import numpy as np
import torch

from seqtrain.analysis.histogram import HISTOGRAM_EDGES, NUM_BINS, Histogram, count_bins


def histogram(edges: list[float], counts: list[float]) -> Histogram:
    return Histogram(torch.tensor(edges), torch.tensor(counts), -1.0, 1.0, int(sum(counts)), 0.0, 1.0)


def test_counts_what_numpy_counts() -> None:
    values = torch.randn(2, 4000, generator=torch.Generator().manual_seed(0)) * 5
    values[0, :100] = 0.0  # exactly on an edge, as a relu leaves many
    edges = np.concatenate(([-np.inf], HISTOGRAM_EDGES.double().numpy(), [np.inf]))
    for row, counts in zip(values, count_bins(values), strict=True):
        assert counts.tolist() == np.histogram(row.double().numpy(), edges)[0].tolist()


def test_edges_rise_and_are_symmetric() -> None:
    assert HISTOGRAM_EDGES.diff().gt(0).all()
    assert torch.equal(HISTOGRAM_EDGES, -HISTOGRAM_EDGES.flip(0))
    assert HISTOGRAM_EDGES[-1] > 5000


def test_values_beyond_the_edges_are_counted_too() -> None:
    (counts,) = count_bins(torch.tensor([[-1e6, 1e6]]))
    assert (counts[0].item(), counts[-1].item(), counts.sum().item()) == (1, 1, 2)
    assert len(counts) == NUM_BINS


def test_trimming_drops_empty_bins_at_both_ends_and_none_between() -> None:
    trimmed = histogram([-2.0, -1.0, 0.0, 1.0, 2.0], [0.0, 0.0, 3.0, 0.0, 1.0, 0.0]).trimmed()
    assert trimmed.edges.tolist() == [0.0, 1.0]
    assert trimmed.counts.tolist() == [3.0, 0.0, 1.0]
    assert (trimmed.minimum, trimmed.maximum, trimmed.num) == (-1.0, 1.0, 4)


def test_trimming_keeps_a_single_bin() -> None:
    trimmed = histogram([0.0, 1.0], [0.0, 5.0, 0.0]).trimmed()
    assert (trimmed.edges.tolist(), trimmed.counts.tolist()) == ([], [5.0])


def test_an_empty_histogram_stays_as_it_is() -> None:
    empty = histogram([0.0, 1.0], [0.0, 0.0, 0.0])
    assert empty.trimmed() is empty

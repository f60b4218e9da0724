from __future__ import annotations

import pytest
import torch

from seqtrain.data import Batching
from seqtrain.data.check.padding import measure_padding


def test_equal_lengths_need_none() -> None:
    padding = measure_padding(torch.full((10,), 3), Batching(4, None, 4))
    assert (padding.with_buckets, padding.shuffled, padding.num_batches) == (0, 0, 3)


def test_two_sequences_in_one_batch() -> None:
    padding = measure_padding(torch.tensor([1, 3]), Batching(2, None, 2))
    assert padding.with_buckets == pytest.approx(2 / 6)
    assert padding.largest.sort().values.tolist() == [0, 1]


def test_buckets_waste_less() -> None:
    lengths = torch.arange(1, 401)
    padding = measure_padding(lengths, Batching(8, None, 8))
    assert padding.with_buckets < 0.2 < padding.shuffled

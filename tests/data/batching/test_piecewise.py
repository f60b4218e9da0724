from __future__ import annotations

from itertools import groupby

import pytest
import torch

from seqtrain.data.batching.datasets import FlatDataset
from seqtrain.data.batching.piecewise import PiecewiseDataset, PiecewiseOrder
from seqtrain.data.corpus import Batching
from seqtrain.records import IGNORED

LENGTHS = torch.tensor([7, 25, 12, 3, 18, 9])
BATCHING = Batching(2, None, 3)


def dataset(steps: int = 5) -> PiecewiseDataset:
    num_steps = int(LENGTHS.sum())
    inputs = torch.arange(num_steps, dtype=torch.float32)[:, None]
    return PiecewiseDataset(FlatDataset(inputs, LENGTHS, torch.arange(num_steps), True), steps)


@pytest.mark.parametrize("epoch", [0, 1, 2])
@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_every_step_is_read_once_in_its_order(epoch: int, world_size: int) -> None:
    data, read = dataset(), []
    orders = [data.order(BATCHING, 0, rank, world_size) for rank in range(world_size)]
    assert len({len(order) for order in orders}) == 1
    for order in orders:
        pieces = order.batches(epoch)
        assert len(pieces) == len(order)
        for piece in pieces:
            batch = data.batch(piece)
            assert batch.inputs.shape[1] <= 5
            assert batch.lengths.tolist() == sorted(batch.lengths.tolist(), reverse=True)
            assert batch.targets is not None
            valid = batch.targets != IGNORED
            assert batch.inputs[valid][:, 0].tolist() == batch.targets[valid].tolist()
            read += batch.targets[valid].tolist()
            assert bool(batch.starts.all()) == (piece.first == 0)  # type: ignore[union-attr]
    assert sorted(read) == list(range(int(LENGTHS.sum())))


def test_sequences_that_have_ended_are_the_last_ones() -> None:
    data = dataset()
    groups = groupby(data.evaluation_batches(BATCHING, 0, 1), key=lambda piece: piece.sequences.tolist())
    for sequences, pieces in groups:
        rows = [len(data.batch(piece)) for piece in pieces]
        assert rows == sorted(rows, reverse=True)
        assert sequences == sorted(sequences, key=lambda each: -int(LENGTHS[each]))


def test_epochs_have_the_groups_in_another_order() -> None:
    order = PiecewiseOrder(torch.full((40,), 10), 4, 5, 0, 0, 1)
    first, second = ([piece.sequences.tolist() for piece in order.batches(epoch)] for epoch in (0, 1))
    assert first != second
    assert sorted(first) == sorted(second)


def test_whole_sequences_can_be_looked_at() -> None:
    batch = dataset().batch([3, 0])
    assert batch.lengths.tolist() == [3, 7]
    assert batch.starts is None

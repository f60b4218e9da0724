from __future__ import annotations

import torch

from seqtrain.data import FlatDataset

INPUTS = torch.arange(12.0).view(6, 2)
LENGTHS = torch.tensor([1, 3, 2])


def test_sequences_are_padded_to_the_longest_of_a_batch() -> None:
    batch = FlatDataset(INPUTS, LENGTHS, torch.tensor([7, 8, 9])).batch([2, 0])
    assert batch.inputs.tolist() == [[[8, 9], [10, 11]], [[0, 1], [0, 0]]]
    assert batch.lengths.tolist() == [2, 1]
    assert batch.targets.tolist() == [9, 7]


def test_targets_of_time_steps_are_padded_with_what_is_ignored() -> None:
    targets = torch.tensor([5, 6, 7, 8, 9, 4])
    batch = FlatDataset(INPUTS, LENGTHS, targets, has_target_per_step=True).batch([0, 1])
    assert batch.targets.tolist() == [[5, -100, -100], [6, 7, 8]]


def test_without_targets() -> None:
    assert FlatDataset(INPUTS, LENGTHS).batch(torch.tensor([1])).targets is None

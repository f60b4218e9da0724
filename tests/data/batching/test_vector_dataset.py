from __future__ import annotations

import pytest
import torch

from seqtrain.data import VectorDataset

INPUTS = torch.arange(24.0).view(3, 4, 2)


def test_a_batch_is_cut_to_its_longest_sequence() -> None:
    dataset = VectorDataset(INPUTS, torch.tensor([4, 1, 3]), torch.tensor([7, 8, 9]))
    batch = dataset.batch([2, 1])
    assert torch.equal(batch.inputs, INPUTS[[2, 1], :3])
    assert batch.lengths.tolist() == [3, 1]
    assert batch.targets.tolist() == [9, 8]
    assert batch.unseen is None


def test_targets_may_be_unknown() -> None:
    assert VectorDataset(INPUTS, torch.tensor([4, 1, 3])).batch(torch.tensor([0])).targets is None


def test_the_transform_sees_the_rows_of_the_batch() -> None:
    dataset = VectorDataset(INPUTS, torch.tensor([2, 2, 2]), transform=lambda rows: rows.transpose(1, 2) + 1)
    assert torch.equal(dataset.batch([1]).inputs, INPUTS[[1]].transpose(1, 2) + 1)


@pytest.mark.parametrize("name", ["lengths", "targets"])
def test_as_many_entries_as_sequences_are_needed(name: str) -> None:
    fields = {"lengths": torch.ones(3).long(), "targets": torch.ones(3).long(), name: torch.ones(2).long()}
    with pytest.raises(
        ValueError, match=rf"^{name} must have one entry for each of the 3 sequences, got the"
    ):
        VectorDataset(INPUTS, **fields)

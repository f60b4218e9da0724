from __future__ import annotations

import torch

from seqtrain.data import Corpus, VectorDataset
from seqtrain.data.check.splits import count_shared, find_missing_targets, summarize_splits
from seqtrain.records import DataSpec


def vectors(values: list[float], targets: list[int]) -> VectorDataset:
    inputs = torch.tensor(values)[:, None, None].expand(-1, 2, 1).contiguous()
    return VectorDataset(inputs, torch.full((len(values),), 2), torch.tensor(targets))


CORPUS = Corpus(
    DataSpec(("a", "b", "c"), feature_size=1),
    {
        "train": vectors([1, 2, 3], [0, 0, 1]),
        "dev": vectors([4, 3], [2, 1]),
        "test": vectors([1, 1, 5], [2, 2, 0]),
    },
)


def test_sizes_and_targets() -> None:
    splits = summarize_splits(CORPUS)
    assert [(split.name, split.num_sequences, split.num_steps) for split in splits] == [
        ("train", 3, 6),
        ("dev", 2, 4),
        ("test", 3, 6),
    ]
    assert [split.target_counts.tolist() for split in splits] == [[2, 1, 0], [0, 1, 1], [1, 0, 2]]


def test_targets_that_train_lacks() -> None:
    assert find_missing_targets(summarize_splits(CORPUS), ("a", "b", "c")) == {
        "dev": {"c": 1},
        "test": {"c": 2},
    }


def test_sequences_that_are_in_train_too() -> None:
    assert [count_shared(CORPUS, name) for name in ("dev", "test")] == [1, 2]


def test_quantiles_of_the_lengths() -> None:
    train = summarize_splits(CORPUS)[0]
    assert [train.length_quantile(share) for share in (0, 0.5, 1)] == [2, 2, 2]

from __future__ import annotations

from made_up_corpus import VECTORS

from seqtrain.data.check.splits import count_shared, find_missing_targets, summarize_splits


def test_sizes_and_targets() -> None:
    splits = summarize_splits(VECTORS)
    assert [(split.name, split.num_sequences, split.num_steps) for split in splits] == [
        ("train", 3, 6),
        ("dev", 2, 4),
        ("test", 3, 6),
    ]
    assert [split.target_counts.tolist() for split in splits] == [[2, 1, 0], [0, 1, 1], [1, 0, 2]]


def test_targets_that_train_lacks() -> None:
    assert find_missing_targets(summarize_splits(VECTORS), ("a", "b", "c")) == {
        "dev": {"c": 1},
        "test": {"c": 2},
    }


def test_sequences_that_are_in_train_too() -> None:
    assert [count_shared(VECTORS, name) for name in ("dev", "test")] == [1, 2]


def test_quantiles_of_the_lengths() -> None:
    train = summarize_splits(VECTORS)[0]
    assert [train.length_quantile(share) for share in (0, 0.5, 1)] == [2, 2, 2]

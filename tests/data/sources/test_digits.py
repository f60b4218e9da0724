from __future__ import annotations

import torch

from seqtrain.data import Corpus, Digits
from seqtrain.spec import DataSpec

CLASS_SIZES = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def load() -> Corpus:
    return Digits(batch_size=32, eval_batch_size=512).load()


def test_every_image_is_in_one_split_with_its_class() -> None:
    from sklearn.datasets import load_digits

    corpus = load()
    images, labels = load_digits(return_X_y=True)
    expected = sorted(
        (*pixels, label) for pixels, label in zip(images.tolist(), labels.tolist(), strict=True)
    )
    found = []
    for split in corpus.splits.values():
        batch = split.batch(range(len(split.lengths)))
        assert batch.inputs.shape[1:] == (8, 8)
        assert batch.lengths.eq(8).all()
        assert 0 <= batch.inputs.min() < batch.inputs.max() <= 1
        rows = (batch.inputs * 16).flatten(1).tolist()
        found += [(*row, label) for row, label in zip(rows, batch.targets.tolist(), strict=True)]
    assert sorted(found) == expected


def test_splits_hold_equal_shares_of_the_classes() -> None:
    splits = load().splits
    assert {name: len(split.lengths) for name, split in splits.items()} == {
        "train": 1257,
        "dev": 180,
        "test": 360,
    }
    for split, total in (("train", 1257), ("dev", 180), ("test", 360)):
        counts = splits[split].batch(range(total)).targets.bincount()
        assert (counts - torch.tensor(CLASS_SIZES) * total / 1797).abs().max() <= 1.5


def test_the_split_never_changes() -> None:
    assert load().splits["test"].batch(range(12)).targets.tolist() == [3, 1, 5, 6, 4, 9, 7, 0, 2, 8, 3, 1]


def test_what_the_model_may_know() -> None:
    spec = load().spec
    assert (spec.targets.names, spec.inputs.feature_size) == (tuple("0123456789"), 8)
    assert (spec.inputs.view, spec.inputs.size) == ("rows", (8, 8))
    assert DataSpec.from_dict(spec.to_dict()) == spec
    assert load().describe() == (
        "train 1,257 sequences (10,056 time steps); dev 180 sequences (1,440 time steps);"
        " test 360 sequences (2,880 time steps); 10 classes"
    )

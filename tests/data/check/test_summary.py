from __future__ import annotations

import pytest
import torch
from made_up_corpus import VECTORS, read_words

from seqtrain.data import Batching
from seqtrain.data.check.summary import measure_padding, summarize

BATCHING = Batching(2, None, 2)


def test_sequences_of_numbers() -> None:
    summary = summarize(VECTORS, BATCHING)
    assert [(split.name, split.num_sequences, split.num_steps) for split in summary.splits] == [
        ("train", 3, 6),
        ("dev", 2, 4),
        ("test", 3, 6),
    ]
    assert [split.target_counts.tolist() for split in summary.splits] == [[2, 1, 0], [0, 1, 1], [1, 0, 2]]
    assert [summary.splits[0].length_quantile(share) for share in (0, 0.5, 1)] == [2, 2, 2]
    assert summary.shared == {"dev": 1, "test": 2}
    assert summary.missing_targets == {"dev": {"c": 1}, "test": {"c": 2}}
    assert (summary.unknown, summary.ambiguous) == ({}, None)
    assert summary.padding.num_batches == 2


def test_words_that_train_lacks_rare_ones_and_shared_sentences() -> None:
    corpus = read_words(
        train=["the/DET light/NOUN", "they/PRON light/VERB the/DET Light/NOUN", "go/VERB"],
        dev=["go/VERB", "dogs/NOUN go/VERB"],
        test=["the/DET light/NOUN", "go/VERB", "cats/NOUN"],
        min_count=2,
    )
    summary = summarize(corpus, BATCHING)
    unknown = summary.unknown["dev"]
    # "dogs" is not in train; "go" is there once, which min_count=2 makes unknown
    assert (unknown.num_words, unknown.num_unseen, unknown.num_unknown) == (3, 1, 3)
    assert summary.shared == {"dev": 1, "test": 2}
    ambiguous = summary.ambiguous
    assert (ambiguous.num_distinct, ambiguous.num_ambiguous) == (4, 1)
    assert ambiguous.share_of_words == 3 / 7
    assert ambiguous.baseline == 6 / 7  # "light" as a verb is wrong
    assert ambiguous.examples == (("light", {"NOUN": 2, "VERB": 1}),)


def test_equal_lengths_need_no_padding() -> None:
    padding = measure_padding(torch.full((10,), 3), Batching(4, None, 4))
    assert (padding.with_buckets, padding.shuffled, padding.num_batches) == (0, 0, 3)


def test_padding_of_two_sequences_in_one_batch() -> None:
    padding = measure_padding(torch.tensor([1, 3]), BATCHING)
    assert padding.with_buckets == pytest.approx(2 / 6)
    assert padding.largest.sort().values.tolist() == [0, 1]


def test_buckets_waste_less() -> None:
    padding = measure_padding(torch.arange(1, 401), Batching(8, None, 8))
    assert padding.with_buckets < 0.2 < padding.shuffled

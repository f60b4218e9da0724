from __future__ import annotations

from made_up_corpus import VECTORS, WORDS

from seqtrain.data import Batching
from seqtrain.data.check.summary import summarize

BATCHING = Batching(2, None, 2)


def test_sequences_of_numbers() -> None:
    summary = summarize(VECTORS, BATCHING)
    assert [split.name for split in summary.splits] == ["train", "dev", "test"]
    assert summary.shared == {"dev": 1, "test": 2}
    assert summary.missing_targets == {"dev": {"c": 1}, "test": {"c": 2}}
    assert (summary.unknown, summary.ambiguous) == ({}, None)
    assert summary.padding.num_batches == 2


def test_words() -> None:
    summary = summarize(WORDS, BATCHING)
    assert summary.unknown["dev"].num_unseen == 1
    assert summary.ambiguous is not None
    assert summary.ambiguous.num_ambiguous == 1

"""Everything that is worth knowing of a data set before training on it."""

from __future__ import annotations

from dataclasses import dataclass

from seqtrain.data.check.padding import Padding, measure_padding
from seqtrain.data.check.splits import SplitSummary, count_shared, find_missing_targets, summarize_splits
from seqtrain.data.check.words import AmbiguousWords, UnknownWords, count_unknown, find_ambiguous
from seqtrain.data.corpus import Batching, Corpus


@dataclass(frozen=True)
class DataSummary:
    """What `check_data` shows; `unknown` and `ambiguous` are for words alone."""

    target_names: tuple[str, ...]
    is_words: bool
    splits: tuple[SplitSummary, ...]
    shared: dict[str, int | None]  # sequences of each other split that are in train too
    missing_targets: dict[str, dict[str, int]]
    padding: Padding
    batching: Batching
    unknown: dict[str, UnknownWords]
    ambiguous: AmbiguousWords | None
    notes: tuple[str, ...]


def summarize(corpus: Corpus, batching: Batching, seed: int = 0) -> DataSummary:
    """Read all of a corpus once or twice; MNIST takes some seconds."""
    is_words = corpus.spec.words is not None
    splits = summarize_splits(corpus)
    others = [split.name for split in splits if split.name != "train"]
    return DataSummary(
        target_names=corpus.spec.target_names,
        is_words=is_words,
        splits=tuple(splits),
        shared={name: count_shared(corpus, name) for name in others},
        missing_targets=find_missing_targets(splits, corpus.spec.target_names),
        padding=measure_padding(corpus.splits["train"].lengths, batching, seed),
        batching=batching,
        unknown={name: count_unknown(corpus, name) for name in others} if is_words else {},
        ambiguous=find_ambiguous(corpus) if is_words else None,
        notes=corpus.notes,
    )

"""Everything that is worth knowing of a data set before training on it."""

from __future__ import annotations

from dataclasses import dataclass

from seqtrain.data.check.padding import Padding, measure_padding
from seqtrain.data.check.splits import SplitSummary, count_shared, find_missing_targets, summarize_splits
from seqtrain.data.check.words import AmbiguousWords, UnknownWords, count_unknown, find_ambiguous
from seqtrain.data.corpus import Batching, Corpus
from seqtrain.spec import Classes, DataSpec, StepClasses, WordInputs


@dataclass(frozen=True)
class DataSummary:
    """What `check_data` shows; `unknown` and `ambiguous` are for words, `missing_targets` for classes."""

    spec: DataSpec
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
    inputs, targets = corpus.spec.inputs, corpus.spec.targets
    is_words = isinstance(inputs, WordInputs)
    splits = summarize_splits(corpus)
    others = [split.name for split in splits if split.name != "train"]
    return DataSummary(
        spec=corpus.spec,
        splits=tuple(splits),
        shared={name: count_shared(corpus, name) for name in others},
        missing_targets=find_missing_targets(splits, targets.names) if isinstance(targets, Classes) else {},
        padding=measure_padding(corpus.splits["train"].lengths, batching, seed),
        batching=batching,
        unknown={name: count_unknown(corpus, name) for name in others} if is_words else {},
        ambiguous=find_ambiguous(corpus) if is_words and isinstance(targets, StepClasses) else None,
        notes=corpus.notes,
    )

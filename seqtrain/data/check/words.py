"""Words that a model does not know, and words with more than one tag."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from seqtrain.data.batching.word_dataset import WordDataset
from seqtrain.data.check.splits import read_batches
from seqtrain.data.corpus import Corpus
from seqtrain.records import IGNORED, UNKNOWN, Words
from seqtrain.spec import StepClasses


@dataclass(frozen=True)
class UnknownWords:
    """Of a split's words, how many the vocabulary lacks and how many do not occur in train."""

    num_words: int
    num_unknown: int
    num_unseen: int


def count_unknown(corpus: Corpus, split: str) -> UnknownWords:
    """Count the words of a split that the model does not know."""
    num_words = num_unknown = num_unseen = 0
    for batch in read_batches(corpus.splits[split]):
        assert isinstance(batch.inputs, Words)
        num_words += int(batch.lengths.sum())
        num_unknown += int((batch.inputs.word == UNKNOWN).sum())
        num_unseen += 0 if batch.unseen is None else int(batch.unseen.sum())
    return UnknownWords(num_words, num_unknown, num_unseen)


@dataclass(frozen=True)
class AmbiguousWords:
    """Words of train, in lower case, that have more than one tag.

    `baseline` is the share of words that a table of each word's most frequent tag would get right on train:
    the rest needs context.
    """

    num_distinct: int
    num_ambiguous: int
    share_of_words: float
    baseline: float
    examples: tuple[tuple[str, dict[str, int]], ...]  # those most often not of their most frequent tag


def find_ambiguous(corpus: Corpus, num_examples: int = 10) -> AmbiguousWords:
    """Find the words of train with several tags."""
    tags = _count_tags(corpus)
    total = sum(sum(counts.values()) for counts in tags.values())
    ambiguous = {word: counts for word, counts in tags.items() if len(counts) > 1}
    hardest = sorted(ambiguous.items(), key=lambda item: max(item[1].values()) - sum(item[1].values()))
    return AmbiguousWords(
        num_distinct=len(tags),
        num_ambiguous=len(ambiguous),
        share_of_words=sum(sum(counts.values()) for counts in ambiguous.values()) / total,
        baseline=sum(max(counts.values()) for counts in tags.values()) / total,
        examples=tuple((word, dict(counts.most_common())) for word, counts in hardest[:num_examples]),
    )


def _count_tags(corpus: Corpus) -> dict[str, Counter[str]]:
    """How often each word of train, in lower case, has each tag."""
    train, known = corpus.splits["train"], corpus.spec.targets
    assert isinstance(train, WordDataset)
    assert isinstance(known, StepClasses)
    tags: dict[str, Counter[str]] = {}
    for number, length in enumerate(train.lengths.tolist()):
        targets = train.batch([number]).targets
        assert targets is not None
        for word, target in zip(train.words(number), targets[0, :length].tolist(), strict=True):
            if target != IGNORED:
                tags.setdefault(word.lower(), Counter())[known.names[target]] += 1
    return tags

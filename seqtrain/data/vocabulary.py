"""Vocabularies of words and characters: those of the training part, and those with pretrained vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from seqtrain.records import Vocabulary


def build_vocabulary(counts: Counter[str], min_count: int = 1) -> Vocabulary:
    """The strings that occur at least `min_count` times, the most frequent first, ties by alphabet."""
    kept = sorted((-count, entry) for entry, count in counts.items() if count >= min_count)
    return Vocabulary(tuple(entry for _, entry in kept), tuple(-count for count, _ in kept))


def extend_vocabulary(vocabulary: Vocabulary, others: Iterable[str]) -> Vocabulary:
    """The same vocabulary with those of `others` that it lacks behind it, in their order, with count 0."""
    present = set(vocabulary.entries)
    added = tuple(entry for entry in others if entry not in present)
    return Vocabulary(vocabulary.entries + added, vocabulary.counts + (0,) * len(added))


def count_words(forms: Iterable[tuple[str, int]]) -> Counter[str]:
    """How often each word occurs in any case; `forms` are spellings with their counts."""
    counts: Counter[str] = Counter()
    for form, count in forms:
        counts[form.lower()] += count
    return counts


def count_characters(forms: Iterable[tuple[str, int]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for form, count in forms:
        for character in form:
            counts[character] += count
    return counts

"""Vocabularies of words and characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from seqtrain.spec import Vocabulary


def build_vocabulary(counts: Counter[str], min_count: int = 1) -> Vocabulary:
    """The strings that occur at least `min_count` times, most frequent first, ties in alphabetical order."""
    kept = sorted((-count, entry) for entry, count in counts.items() if count >= min_count)
    return Vocabulary(tuple(entry for _, entry in kept), tuple(-count for count, _ in kept))


def extend_vocabulary(vocabulary: Vocabulary, others: Iterable[str]) -> Vocabulary:
    """The vocabulary, followed by those of `others` that it lacks, in their order and with count 0."""
    present = set(vocabulary.entries)
    added = tuple(entry for entry in others if entry not in present)
    return Vocabulary(vocabulary.entries + added, vocabulary.counts + (0,) * len(added))


def count_words(forms: Iterable[tuple[str, int]]) -> Counter[str]:
    """The frequency of each lower-cased word; `forms` are spellings with their counts."""
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

from __future__ import annotations

from collections import Counter

from seqtrain.data.vocabulary import build_vocabulary, count_characters, count_words, extend_vocabulary
from seqtrain.spec import Vocabulary

FORMS = [("Run", 2), ("run", 1), ("a", 3), ("So", 1)]


def test_words_are_counted_in_any_case_and_characters_as_they_are() -> None:
    assert count_words(FORMS) == {"run": 3, "a": 3, "so": 1}
    assert count_characters(FORMS) == {"R": 2, "u": 3, "n": 3, "r": 1, "a": 3, "S": 1, "o": 1}


def test_frequent_entries_come_first_and_rare_ones_are_left_out() -> None:
    counts = Counter({"b": 3, "a": 3, "z": 7, "c": 1})
    assert build_vocabulary(counts) == Vocabulary(("z", "a", "b", "c"), (7, 3, 3, 1))
    assert build_vocabulary(counts, min_count=3) == Vocabulary(("z", "a", "b"), (7, 3, 3))


def test_entries_from_elsewhere_stand_behind_and_are_not_counted() -> None:
    extended = extend_vocabulary(Vocabulary(("z", "a"), (7, 3)), ["b", "a", "c"])
    assert extended == Vocabulary(("z", "a", "b", "c"), (7, 3, 0, 0))
    assert (extended.num_counted, len(extended)) == (2, 6)

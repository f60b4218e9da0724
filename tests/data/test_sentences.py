from __future__ import annotations

import re
from typing import Any

import pytest

from seqtrain.data.sentences import as_sentences, split_sentences
from seqtrain.errors import DataError


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("They saw. We ran!", ["They saw.", "We ran!"]),
        ("They saw ... and ran. 3 came?", ["They saw ... and ran.", "3 came?"]),
        ('"Go!" She went.', ['"Go!"', "She went."]),
        ('Go. "She" went (fast). [Well]', ["Go.", '"She" went (fast).', "[Well]"]),
        ("one line\nanother\n\n the third \n", ["one line", "another", "the third"]),
        ("Mr. J. Smith of the U.S. Army, i.e. him.", ["Mr. J. Smith of the U.S. Army, i.e. him."]),
        ("What?! no. Yes", ["What?! no.", "Yes"]),
        ("It cost 3.50 at example.com.", ["It cost 3.50 at example.com."]),
        ("the dog ran . The cat saw .", ["the dog ran .", "The cat saw ."]),
        ("\u4f60\u597d\u3002\u518d\u89c1\uff01", ["\u4f60\u597d\u3002", "\u518d\u89c1\uff01"]),
        ("  \n ", []),
    ],
)
def test_where_a_sentence_ends(text: str, sentences: list[str]) -> None:
    found = split_sentences(text)
    assert [text[each.spans[0][0] : each.spans[-1][1]] for each in found] == sentences


def test_spans_are_places_in_the_whole_text() -> None:
    text = "I can't. You'll go."
    first, second = split_sentences(text)
    assert first.tokens == ["I", "ca", "n't", "."]
    assert first.spans == ((0, 1), (2, 4), (4, 7), (7, 8))
    assert second.tokens == ["You", "'ll", "go", "."]
    assert [text[start:end] for start, end in second.spans] == second.tokens


def test_tokens_are_taken_as_they_are() -> None:
    (sentence,) = as_sentences([["They", "saw."]])
    assert (sentence.tokens, sentence.spans) == (["They", "saw."], None)


def test_each_string_of_a_list_is_one_sentence() -> None:
    texts = ["They saw it. We ran!", "Go."]
    first, second = as_sentences(texts)
    assert first.tokens == ["They", "saw", "it", ".", "We", "ran", "!"]
    assert [texts[1][start:end] for start, end in second.spans] == second.tokens == ["Go", "."]
    assert [each.tokens for each in as_sentences(iter(("a b", "c")))] == [["a", "b"], ["c"]]


EXPECTED = "expected a text, a list of sentences (strings), or a list of lists of words (strings)"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1]], f"sentences[0][0]: got 1 of type int; {EXPECTED}"),
        ([["a"], ["b", None]], f"sentences[1][1]: got None; {EXPECTED}"),
        ([[["a"]]], f"sentences[0][0]: got ['a'] of type list; {EXPECTED}"),
        ([[b"a"]], f"sentences[0][0]: got b'a' of type bytes; {EXPECTED}"),
        ([1], f"sentences[0]: got 1 of type int; {EXPECTED}"),
        ([None], f"sentences[0]: got None; {EXPECTED}"),
        ([b"a"], f"sentences[0]: got b'a' of type bytes; {EXPECTED}"),
        ([{"a": 1}], f"sentences[0]: got {{'a': 1}} of type dict; {EXPECTED}"),
        (["They saw.", ["They"]], f"sentences: got both strings and lists; {EXPECTED}"),
        (["They saw.", None], f"sentences: got both strings and lists; {EXPECTED}"),
        (None, f"sentences: got None; {EXPECTED}"),
        (b"They saw.", f"sentences: got b'They saw.' of type bytes; {EXPECTED}"),
        ({"They": 1}, f"sentences: got {{'They': 1}} of type dict; {EXPECTED}"),
        (["They saw.", " "], "sentence 2 has no words"),
        ([["They"], []], "sentence 2 has no words"),
        ([["They", ""]], "sentence 1 has an empty word"),
    ],
)
def test_what_is_refused(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        as_sentences(given)


def test_a_long_text_takes_linear_time() -> None:
    assert len(split_sentences("They saw the light. " * 20_000)) == 20_000

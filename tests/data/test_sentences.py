from __future__ import annotations

import pytest

from seqtrain.data.sentences import as_sentences, split_sentences


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


def test_a_long_text_takes_linear_time() -> None:
    assert len(split_sentences("They saw the light. " * 20_000)) == 20_000

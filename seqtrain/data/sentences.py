"""Plain text to sentences of tokens that know where they are in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seqtrain.data.tokenize import token_spans

# The end of a sentence: its last mark with closing quotes and brackets, before a space or a line end; the
# marks of scripts without spaces need none.
_END = re.compile(r"""[.!?\u2026]+["'\u2019\u201d)\]]*(?=\s)|[\u3002\uff01\uff1f]+[\u300d\u300f\uff09]*|\n""")
_OPENERS = "\"'\u2018\u201c([\u00ab\u00bf\u00a1-"
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|cf|[A-Z])|\b(?:[A-Za-z]\.)+[A-Za-z])\.$")
_NEXT = re.compile(rf"\s*[{re.escape(_OPENERS)}]*(\S?)")


@dataclass(frozen=True)
class Sentence:
    """The tokens of a sentence, and the start and the end of each in the text that it comes from, if any."""

    tokens: Sequence[str]
    spans: tuple[tuple[int, int], ...] | None = None


def as_sentences(sentences: str | Sequence[Sequence[str]]) -> list[Sentence]:
    """Text, split into sentences and tokens; or the tokens of each sentence as they are."""
    if isinstance(sentences, str):
        return split_sentences(sentences)
    return [Sentence(tokens) for tokens in sentences]


def split_sentences(text: str) -> list[Sentence]:
    """Split text into sentences, and each sentence into tokens.

    A sentence ends at a line end, and after `.`, `!`, `?` or an ellipsis (with closing quotes and brackets)
    that a space follows, unless the next word begins with a lower-case letter, or the mark is the point of an
    abbreviation (Dr., e.g., U.S.) or of an initial (J. Smith).
    """
    return [
        sentence
        for start, end in _sentence_spans(text)
        if (sentence := tokenize_span(text, start, end)).tokens
    ]


def tokenize_span(text: str, start: int, end: int) -> Sentence:
    """The tokens of `text[start:end]`, which is one sentence, with their places in `text`."""
    spans = tuple((start + first, start + last) for first, last in token_spans(text[start:end]))
    return Sentence([text[first:last] for first, last in spans], spans)


def _sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _END.finditer(text):
        if _ends_sentence(text, start, match):
            yield start, match.end()
            start = match.end()
    yield start, len(text)


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    mark = match.group()
    if mark == "\n" or mark[0] in "\u3002\uff01\uff1f":
        return True
    following = _NEXT.match(text, match.end())
    if following is not None and following[1].islower():
        return False
    return not (mark == "." and _ABBREVIATION.search(text, start, match.end()))

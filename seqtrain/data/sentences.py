"""Plain text to sentences of tokens that know where they are in the text."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeAlias

from seqtrain.data.tokenize import token_spans
from seqtrain.errors import DataError

# The end of a sentence: its last mark with closing quotes and brackets, before a space or a line end; the
# marks of scripts without spaces need none.
_END = re.compile(r"""[.!?\u2026]+["'\u2019\u201d)\]]*(?=\s)|[\u3002\uff01\uff1f]+[\u300d\u300f\uff09]*|\n""")
_OPENERS = "\"'\u2018\u201c([\u00ab\u00bf\u00a1-"
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|cf|[A-Z])|\b(?:[A-Za-z]\.)+[A-Za-z])\.$")
_NEXT = re.compile(rf"\s*[{re.escape(_OPENERS)}]*(\S?)")


Sentences: TypeAlias = "str | Iterable[str] | Iterable[Iterable[str]]"

EXPECTED = "expected a text, a list of sentences (strings), or a list of lists of words (strings)"


@dataclass(frozen=True)
class Sentence:
    """The tokens of a sentence, and the start and the end of each in the text that it comes from, if any."""

    tokens: Sequence[str]
    spans: tuple[tuple[int, int], ...] | None = None


def as_sentences(sentences: Sentences) -> list[Sentence]:
    """The sentences of a text; or each string of a list, tokenized; or lists of words as they are.

    Raises:
        DataError: it is none of the three, or a sentence or a word is empty.
    """
    if isinstance(sentences, str):
        return split_sentences(sentences)
    items = _as_list(sentences, "sentences")
    num_texts = sum(isinstance(item, str) for item in items)
    if num_texts not in (0, len(items)):
        raise DataError(f"sentences: got both strings and lists; {EXPECTED}")
    found = [_as_sentence(item, f"sentences[{number}]") for number, item in enumerate(items)]
    check_words([sentence.tokens for sentence in found])
    return found


def _as_sentence(item: object, name: str) -> Sentence:
    if isinstance(item, str):
        return tokenize_span(item, 0, len(item))
    words = _as_list(item, name)
    for number, word in enumerate(words):
        if not isinstance(word, str):
            raise DataError(f"{name}[{number}]: got {_describe(word)}; {EXPECTED}")
    return Sentence(words)


def _as_list(values: object, name: str) -> list[str]:
    """The items of anything that has an order; whether they are strings is still to be seen."""
    if not isinstance(values, Iterable) or isinstance(values, (bytes, bytearray, Mapping, Set)):
        raise DataError(f"{name}: got {_describe(values)}; {EXPECTED}")
    return list(values)


def _describe(value: object) -> str:
    return f"{reprlib.repr(value)} of type {type(value).__name__}" if value is not None else "None"


def check_words(sentences: Sequence[Sequence[str]]) -> None:
    """Refuse, with its number, a sentence that is empty or has an empty word."""
    for number, words in enumerate(sentences, start=1):
        if not words or not all(words):
            raise DataError(f"sentence {number} {'has an empty word' if words else 'has no words'}")


def split_sentences(text: str) -> list[Sentence]:
    """Split text into sentences, and each sentence into tokens.

    A sentence ends at a line end, and after `.`, `!`, `?` or an ellipsis (with closing quotes and brackets)
    before a space, unless the next word begins with a lower-case letter, or the mark is the point of an
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

"""Plain text to sentences of tokens that know where they are in the text: the words of Universal
Dependencies, by the rules that English-EWT follows."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from seqtrain.errors import DataError

_APOSTROPHE = "['\N{RIGHT SINGLE QUOTATION MARK}]"

# Where one spelling is two words: do|n't, she|'ll, do|nt, can|not, gon|na.
_CONTRACTION = re.compile(
    rf"""
    (?<=[a-z]) (?=n{_APOSTROPHE}t\b)
  | (?<=[a-z0-9.]) (?={_APOSTROPHE}(?:s|m|d|re|ve|ll)\b)
  | (?:(?<=\bdo)|(?<=\bdid)|(?<=\bdoes)|(?<=\bis)|(?<=\bwas)|(?<=\bhas)|(?<=\bca)|(?<=\bwo)
      |(?<=\b(?:woul|coul)d)|(?<=\bshould)) (?=nt\b)
  | (?<=\bcan) (?=not\b) | (?:(?<=\bgon)|(?<=\bwan)) (?=na\b) | (?<=\bgot) (?=ta\b)
    """,
    re.VERBOSE | re.IGNORECASE,
)

_TOKEN = re.compile(
    rf"""
    (?:https?://|www\.) [^\s<>]* [^\s<>.,;:!?)'"]          # addresses, without the mark that follows
  | (?<![\w.+-]) [\w.+-]+ @ [\w-]+ (?:\.[\w-]+)+          # looked for once in a run of such letters
  | (?<![\w-]) [\w-]+ (?:\.[\w-]+){{0,8}} \. (?:com|org|net|edu|gov|doc|xls|pdf|txt|html?)\b
  | [:;=] -? [)(DPp] (?!\w)                                # faces
  | (?:[A-Za-z]\.){{2,}}                                   # U.S.
  | (?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|Inc|Corp|No)\.        # abbreviations keep their point
  | \d{{3}}-\d{{3}}-\d{{4}} | \d{{3}}-\d{{4}}              # telephones
  | \d+ (?: (?:st|nd|rd|th|s)\b | (?:[.,:/]\d+)+ )?        # 4th, 1990s; 1,000.50, 10:30 and 3/11/01
  | (?:e|non|pre|anti|mid|re|post|co|over|pro|multi|ex|semi|neo)-\w+   # prefixes that are not words
  | [^\W\d] \w* (?:{_APOSTROPHE}\w+)*                      # words; contractions are split afterwards
  | {_APOSTROPHE} (?:s|m|d|re|ve|ll)\b
  | ([.=*_~#+/<>`'-])\1+ | [!?.]{{2,}}                     # runs of one mark, and of points
  | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)

_CLOSERS = {".", ",", ";", "!", "?", "'s", "n't"}

# The end of a sentence: its last mark with closing quotes and brackets, before a space or a line end; the
# marks of scripts without spaces need none.
_END = re.compile(
    r"""(?<![.!?\u2026])[.!?\u2026]+["'\u2019\u201d)\]]*(?=\s)|[\u3002\uff01\uff1f]+[\u300d\u300f\uff09]*|\n"""
)
_OPENERS = "\"'\u2018\u201c([\u00ab\u00bf\u00a1-"
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|cf|[A-Z])|\b(?:[A-Za-z]\.)+[A-Za-z])\.$")
LONGEST = 32  # letters of an abbreviation

MAX_STEPS = 1 << 16  # words of a sentence, or characters of a text, to predict on
MAX_LETTERS = 1 << 12  # of one of its words
_NEXT = re.compile(rf"\s*[{re.escape(_OPENERS)}]*(\S?)")


Sentences: TypeAlias = "str | Iterable[str] | Iterable[Iterable[str]]"

EXPECTED = "expected a text, a list of sentences (strings), or a list of lists of words (strings)"


@dataclass(frozen=True)
class Sentence:
    """Tokens, and the start and the end of each in the text that they come from, if any."""

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
    found = [_as_sentence(item, f"sentences[{index}]") for index, item in enumerate(items)]
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
    """The items of anything that has an order; that they are strings is checked later."""
    if not isinstance(values, Iterable) or isinstance(values, (bytes, bytearray, Mapping, Set)):
        raise DataError(f"{name}: got {_describe(values)}; {EXPECTED}")
    return list(values)


def _describe(value: object) -> str:
    return f"{reprlib.repr(value)} of type {type(value).__name__}" if value is not None else "None"


def check_words(sentences: Sequence[Sequence[str]]) -> None:
    """Check that no sentence is empty, has an empty word, or is too long.

    Raises:
        DataError: one is or has; the message gives its number.
    """
    for number, words in enumerate(sentences, start=1):
        if not words or not all(words):
            raise DataError(f"sentence {number} {'has an empty word' if words else 'has no words'}")
        excess = find_excess(words)
        if excess is not None:
            raise DataError(f"sentence {number} has {excess}")


def find_excess(words: Sequence[str], steps: str = "words") -> str | None:
    """Describe what makes a sentence too long to be read in bounded memory; None if it is short enough.

    The message names the limit, too, and calls the words `steps`.
    """
    if len(words) > MAX_STEPS:
        return f"{len(words):,} {steps}; expected at most {MAX_STEPS:,}"
    longest = max(map(len, words), default=0)
    if longest > MAX_LETTERS:
        return f"a word of {longest:,} letters; expected at most {MAX_LETTERS:,}"
    return None


def split_sentences(text: str) -> list[Sentence]:
    """Split text into sentences, and each sentence into tokens.

    A sentence ends at a line end, and after `.`, `!`, `?` or an ellipsis (with closing quotes and brackets)
    before a space, unless the next word begins with a lower-case letter, or the mark is the point of an
    abbreviation (Dr., e.g., U.S.) or of an initial (J. Smith).
    """
    sentences = (tokenize_span(text, start, end) for start, end in _sentence_spans(text))
    return [sentence for sentence in sentences if sentence.tokens]


def tokenize_span(text: str, start: int, end: int) -> Sentence:
    """The tokens of `text[start:end]`, which is one sentence, with their positions in `text`."""
    spans = tuple((start + first, start + last) for first, last in token_spans(text[start:end]))
    return Sentence([text[first:last] for first, last in spans], spans)


def separate(text: str) -> Sentence:
    """The tokens of a text whose words have spaces between them already."""
    found = list(re.finditer(r"\S+", text))
    return Sentence([each.group() for each in found], tuple(each.span() for each in found))


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
    return not (mark == "." and _ABBREVIATION.search(text, max(start, match.end() - LONGEST), match.end()))


def token_spans(sentence: str) -> list[tuple[int, int]]:
    """The start and the end of each word of a sentence.

    As in English-EWT, contractions are two words (I ca n't), hyphenated words three (well - known) unless
    they begin with a prefix that is not a word of its own (non-profit, e-mail), and marks stand alone.
    A sentence whose words are separated by spaces already, marks included, stays as it is.
    """
    if _is_separated(sentence.split()):
        return [match.span() for match in re.finditer(r"\S+", sentence)]
    return [span for match in _TOKEN.finditer(sentence) for span in _split_contraction(match)]


def _split_contraction(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    cuts = [0, *(cut.start() for cut in _CONTRACTION.finditer(match.group())), len(match.group())]
    return ((match.start() + start, match.start() + end) for start, end in pairwise(cuts))


def _is_separated(pieces: list[str]) -> bool:
    """Whether a closing mark stands alone, and nothing is left that would be split off."""
    if _CLOSERS.isdisjoint(pieces[1:]):
        return False
    words = [piece for piece in pieces if len(piece) > 1 and piece[-2].isalnum()]
    if any(word[-1] in ",;!?" for word in words) or (pieces[-1] in words and pieces[-1].endswith(".")):
        return False
    return not any(_CONTRACTION.search(piece, 1) for piece in pieces)

"""English text to the words of Universal Dependencies, by the rules that English-EWT follows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

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
  | [\w.+-]+ @ [\w-]+ (?:\.[\w-]+)+
  | [\w-]+ (?:\.[\w-]+)* \. (?:com|org|net|edu|gov|doc|xls|pdf|txt|html?)\b
  | [:;=] -? [)(DPp] (?!\w)                                # faces
  | (?:[A-Za-z]\.){{2,}}                                   # U.S.
  | (?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|Inc|Corp|No)\.        # abbreviations keep their point
  | \d{{3}}-\d{{3}}-\d{{4}} | \d{{3}}-\d{{4}}              # telephones
  | \d+ (?: (?:st|nd|rd|th|s)\b | (?:[.,:/]\d+)+ )?        # 4th, 1990s; 1,000.50, 10:30 and 3/11/01
  | (?:e|non|pre|anti|mid|re|post|co|over|pro|multi|ex|semi|neo)-\w+   # prefixes that are no words
  | [^\W\d] \w* (?:{_APOSTROPHE}\w+)*                      # words; contractions are split afterwards
  | {_APOSTROPHE} (?:s|m|d|re|ve|ll)\b
  | ([.=*_~#+/<>`'-])\1+ | [!?.]{{2,}}                     # runs of one mark, and of points
  | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)

_CLOSERS = {".", ",", ";", "!", "?", "'s", "n't"}


def tokenize(sentence: str) -> list[str]:
    """The words of a sentence.

    As in English-EWT, contractions are two words (I ca n't), hyphenated words three (well - known) unless
    they begin with a prefix that is no word of its own (non-profit, e-mail), and marks stand alone.
    A sentence whose words are separated by spaces already, marks included, stays as it is.
    """
    return [sentence[start:end] for start, end in token_spans(sentence)]


def token_spans(sentence: str) -> list[tuple[int, int]]:
    """The start and the end of each word of a sentence; see `tokenize`."""
    if _is_separated(sentence.split()):
        return [match.span() for match in re.finditer(r"\S+", sentence)]
    return [span for match in _TOKEN.finditer(sentence) for span in _split_contraction(match)]


def _split_contraction(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    cuts = [0, *(cut.start() for cut in _CONTRACTION.finditer(match.group())), len(match.group())]
    return ((match.start() + start, match.start() + end) for start, end in pairwise(cuts))


def _is_separated(parts: list[str]) -> bool:
    """Whether a closing mark stands alone, and nothing is left that would be split off."""
    if _CLOSERS.isdisjoint(parts[1:]):
        return False
    words = [part for part in parts if len(part) > 1 and part[-2].isalnum()]
    if any(word[-1] in ",;!?" for word in words) or (parts[-1] in words and parts[-1].endswith(".")):
        return False
    return not any(_CONTRACTION.search(part, 1) for part in parts)

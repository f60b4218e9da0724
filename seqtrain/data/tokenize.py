"""English text to the words of Universal Dependencies, by a few rules."""

from __future__ import annotations

import re

# What UD English writes as two words: do|n't, she|'ll, can|not.
_CONTRACTION = re.compile(r"(?i)(?:(?<=[a-z])(?=n['’]t\b)|(?<=[a-z])(?=['’](?:s|m|d|re|ve|ll)\b)|(?<=\bcan)(?=not\b))")

_TOKEN = re.compile(
    r"""
    https?://\S+ | [\w.+-]+@[\w-]+(?:\.[\w-]+)+   # addresses
  | (?:[A-Za-z]\.){2,}                            # U.S.
  | (?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|Jr|Sr)\.       # abbreviations keep their point
  | \d+(?:[.,:]\d+)*                              # 1,000.50 and 10:30
  | \w+(?:['’]\w+)*                               # words; contractions are split afterwards
  | \.{2,} | -{2,} | [!?]{2,}                     # runs of one mark
  | \S
    """,
    re.VERBOSE,
)


def tokenize(sentence: str) -> list[str]:
    """The words of a sentence.

    For UD English: hyphenated words are three words, contractions two, punctuation stands alone. Text whose
    words are already separated by spaces mostly stays as it is.
    """
    return [part for token in _TOKEN.findall(sentence) for part in _CONTRACTION.split(token)]

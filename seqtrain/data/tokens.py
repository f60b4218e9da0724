"""A text cut into characters or words."""

from __future__ import annotations

import re

from seqtrain.spec import TokenInputs, Unit

# A word has the space before it, so that the words beside each other are the text. `<unk>` is one word.
WORD = re.compile(r" ?(?:<\w+>|['\u2019]?\w+(?:['\u2019]\w+)*|[^\w\s])|\s")
SIGNS = {ord("\n"): "\u21b5", ord("\t"): "\u21e5"}


def split_text(text: str, unit: Unit) -> list[str]:
    """The characters or words of a text; joined without anything between them they are the text."""
    return WORD.findall(text) if unit == "word" else list(text)


def first_token(inputs: TokenInputs) -> str:
    """What is read before a text without a beginning: a line end, or the most frequent token."""
    return "\n" if "\n" in inputs.tokens.index() else inputs.tokens.entries[0]


def visible(token: str) -> str:
    """A character or word with signs for line ends, tabs and a space that stands alone."""
    return "\u2423" if token == " " else token.translate(SIGNS)

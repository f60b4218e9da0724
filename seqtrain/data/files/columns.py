"""The columns of CoNLL-U that can hold the tag of a word."""

from __future__ import annotations

from dataclasses import dataclass

NAMES = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
NUM_COLUMNS = len(NAMES)
TAG_COLUMNS = ("UPOS", "XPOS", "FEATS", "DEPREL")
MISC = NAMES.index("MISC")
EMPTY = "_"

UPOS_TAGS = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT",
    "SCONJ", "SYM", "VERB", "X",
)  # fmt: skip


@dataclass(frozen=True)
class TagColumn:
    """A column of CoNLL-U, or one key of its last column, as in `MISC:Entity`.

    A word whose MISC column lacks the key has the tag `_`.
    """

    index: int
    key: str | None = None

    @classmethod
    def parse(cls, name: str) -> TagColumn:
        """Raises ValueError for a name that is neither a column nor `MISC:Key`."""
        if name in TAG_COLUMNS:
            return cls(NAMES.index(name))
        column, _, key = name.partition(":")
        if column == "MISC" and key and not set(key) & set("=|\t\n "):
            return cls(MISC, key)
        raise ValueError(f"column must be one of {', '.join(TAG_COLUMNS)} or MISC:Key, got {name!r}")

    def read(self, columns: list[str]) -> str:
        """The tag in the columns of a line; "" if the column is empty."""
        if self.key is None:
            return columns[self.index]
        return _parse_misc(columns[MISC]).get(self.key, EMPTY)

    def write(self, columns: list[str], tag: str) -> None:
        """Replace the tag in the columns of a line."""
        if self.key is None:
            columns[self.index] = tag
            return
        content = columns[MISC].rstrip("\r\n")
        line_end = columns[MISC][len(content) :]
        entries = [each for each in content.split("|") if each != EMPTY and each.split("=")[0] != self.key]
        if tag != EMPTY:
            entries.append(f"{self.key}={tag}")
        columns[MISC] = ("|".join(entries) or EMPTY) + line_end


def _parse_misc(content: str) -> dict[str, str]:
    entries = (each.partition("=") for each in content.rstrip("\r\n").split("|"))
    return {key: value or EMPTY for key, _, value in entries}

"""CoNLL-U files: the words and their part-of-speech tags, and every fault with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import conllu

from seqtrain.errors import DataError

UPOS = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT",
    "SCONJ", "SYM", "VERB", "X",
)  # fmt: skip

COLUMNS = 10
FORM, TAG = 1, 3
RANGE_OR_EMPTY = re.compile(r"[1-9]\d*-[1-9]\d*|\d+\.[1-9]\d*")


class Word(NamedTuple):
    """A word as its line has it; lines are counted from 0."""

    line: int
    form: str
    tag: str


class ConlluFile:
    """The text of a CoNLL-U file, checked line by line when it is made.

    Words are the lines with a plain number; ranges of multiword tokens (`1-2`) and empty nodes (`8.1`) are
    kept in the text but are no words. With `tagged`, every word needs one of the 17 UPOS tags.

    Raises:
        DataError: with the file and the line, where a line is not CoNLL-U.
    """

    def __init__(self, text: str, path: str | Path, tagged: bool) -> None:
        self.path, self.tagged = path, tagged
        self._lines = text.removeprefix("\ufeff").split("\n")
        self._sentences = list(self._read_sentences())
        if not self._sentences:
            state = "no sentence in it" if text.strip() else "the file is empty"
            raise DataError(f"{state}; expected CoNLL-U: ten tab-separated columns for each word", path)

    @property
    def sentences(self) -> list[list[str]]:
        """The words of each sentence, as they are spelt."""
        return [[word.form for word in words] for words in self._sentences]

    def parse(self) -> list[list[tuple[str, str]]]:
        """The words of each sentence with their tags, as the conllu library reads them."""
        text = "\n".join(line.rstrip("\r") for line in self._lines)
        parsed = conllu.parse(text, fields=("id", "form", "lemma", "upos"))
        sentences = (
            [(t["form"], t["upos"]) for t in tokens if isinstance(t["id"], int)] for tokens in parsed
        )
        return [words for words in sentences if words]

    def line_of(self, tag: str) -> int | None:
        """The number, from 1, of the first line with this tag."""
        words = (word for sentence in self._sentences for word in sentence)
        return next((word.line + 1 for word in words if word.tag == tag), None)

    def with_tags(self, tags: Sequence[Sequence[str]]) -> str:
        """The same text, the tags of each sentence's words in place of those it had."""
        lines = list(self._lines)
        for words, sentence_tags in zip(self._sentences, tags, strict=True):
            for word, tag in zip(words, sentence_tags, strict=True):
                columns = lines[word.line].split("\t")
                columns[TAG] = tag
                lines[word.line] = "\t".join(columns)
        return "\n".join(lines)

    def _read_sentences(self) -> Iterator[list[Word]]:
        words: list[Word] = []
        for number, line in enumerate([*self._lines, ""]):
            if not line.strip():
                if words:
                    yield words
                words = []
            elif not line.startswith("#"):
                word = self._read_line(number, line, len(words) + 1)
                if word is not None:
                    words.append(word)

    def _read_line(self, number: int, line: str, expected_id: int) -> Word | None:
        columns = line.split("\t")
        if len(columns) != COLUMNS:
            hint = "" if "\t" in line else "; columns are separated by tabs, not spaces"
            self._refuse(number, f"{len(columns)} columns instead of {COLUMNS}{hint}")
        if columns[0] != str(expected_id):
            self._check_no_word(number, columns[0], expected_id)
            return None
        if not columns[FORM].strip():
            self._refuse(number, "the word is empty")
        if "  " in line and any("  " in column for column in columns[: TAG + 1]):  # conllu would split it
            self._refuse(number, "two spaces in a row in one of the first columns")
        if self.tagged and columns[TAG] not in UPOS:
            self._refuse(number, f"unknown UPOS tag {columns[TAG]!r}; expected one of {', '.join(UPOS)}")
        return Word(number, columns[FORM], columns[TAG])

    def _check_no_word(self, number: int, identity: str, expected_id: int) -> None:
        if RANGE_OR_EMPTY.fullmatch(identity):
            return
        if not identity.isdecimal():
            self._refuse(number, f"the id {identity!r} is no number, range (1-2) or empty node (8.1)")
        self._refuse(
            number, f"word {identity} where word {expected_id} was expected; an empty line ends a sentence"
        )

    def _refuse(self, number: int, problem: str) -> NoReturn:
        raise DataError(problem, self.path, number + 1)


def read_utf8(path: Path) -> str:
    """The text of a file; DataError where there is none, or names the line that is not UTF-8."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError("the file is missing", path) from None
    return decode_utf8(content, path)


def decode_utf8(content: bytes, path: str | Path) -> str:
    """The text of what came from `path`; DataError names the line that is not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"the byte 0x{content[error.start]:02x} is not valid UTF-8; save the file as UTF-8", path, line
        ) from None

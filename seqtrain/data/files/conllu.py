"""CoNLL-U files, read sentence by sentence and checked line by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, NoReturn

from seqtrain.data.files.text import BYTE_ORDER_MARK, check_word
from seqtrain.errors import LINE_CONTROL, DataError

NAMES = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
NUM_COLUMNS = len(NAMES)
TAG_COLUMNS = ("UPOS", "XPOS", "FEATS", "DEPREL")
MISC = NAMES.index("MISC")
EMPTY = "_"
ID, FORM, UPOS = NAMES.index("ID"), NAMES.index("FORM"), NAMES.index("UPOS")

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
        if column == "MISC" and key and not re.search(rf"[=| ]|{LINE_CONTROL.pattern}", key):
            return cls(MISC, key)
        raise ValueError(f"column must be one of {', '.join(TAG_COLUMNS)} or MISC:Key, got {name!r}")

    def read(self, columns: list[str]) -> str:
        """The tag in the columns of a line; "" if the column is empty."""
        if self.key is None:
            return columns[self.index]
        entries = (each.partition("=") for each in columns[MISC].rstrip("\r\n").split("|"))
        return {key: value or EMPTY for key, _, value in entries}.get(self.key, EMPTY)

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


RANGE_OR_EMPTY_NODE = re.compile(r"[1-9]\d*-[1-9]\d*|\d+\.[1-9]\d*")
GLOBAL_COLUMNS = re.compile(r"#\s*global\.columns\s*=\s*(.*)")


class ConlluSentence(NamedTuple):
    """A sentence and the lines that it was read from."""

    words: list[str]
    tags: list[str]  # of each word; empty if no column was asked for
    lines: list[str]  # with comments, ranges, empty nodes and the blank lines before them
    word_lines: list[int]  # the index in `lines` of each word

    def with_tags(self, tags: Sequence[str], column: TagColumn) -> str:
        """The text of the sentence, with the tags of its words replaced."""
        lines = list(self.lines)
        for index, tag in zip(self.word_lines, tags, strict=True):
            columns = lines[index].split("\t")
            column.write(columns, tag)
            lines[index] = "\t".join(columns)
        return "".join(lines)


@dataclass
class ConlluReader:
    """Iterate over the sentences of CoNLL-U lines, once.

    Words are the lines with a plain number. Ranges of multiword tokens (`1-2`) and empty nodes (`8.1`) are
    kept in `lines`, but are not words. `tail` is the text after the last sentence, once all have been read.

    Args:
        lines: with their line ends.
        path: what messages call the file.
        column: where the tags are; None if they are not needed.

    Raises:
        DataError: on iteration, with the file and the line, where a line is not CoNLL-U.
    """

    lines: Iterable[str]
    path: str | Path
    column: TagColumn | None = None
    tail: str = field(default="", init=False)
    _checked: set[str] = field(default_factory=set, init=False)  # tags

    def __iter__(self) -> Iterator[ConlluSentence]:
        sentence = ConlluSentence([], [], [], [])
        num_sentences = number = 0
        for number, line in enumerate(self.lines, start=1):
            sentence.lines.append(line)
            content = line if number > 1 else line.removeprefix(BYTE_ORDER_MARK)
            if not content or content.isspace():
                if sentence.words:
                    num_sentences += 1
                    yield sentence
                    sentence = ConlluSentence([], [], [], [])
            elif content[0] == "#":
                self._check_comment(content, number)
            else:
                self._read_word(content, number, sentence)
        if sentence.words:
            num_sentences += 1
            yield sentence
        else:
            self.tail = "".join(sentence.lines)
        if num_sentences == 0:
            state = "no sentence in it" if self.tail.strip() else "the file is empty"
            raise DataError(f"{state}; expected CoNLL-U: ten tab-separated columns for each word", self.path)

    def _read_word(self, line: str, number: int, sentence: ConlluSentence) -> None:
        columns = line.split("\t")
        if len(columns) != NUM_COLUMNS:
            hint = "" if "\t" in line else "; columns are separated by tabs, not spaces"
            self._refuse(number, f"{len(columns)} columns instead of {NUM_COLUMNS}{hint}")
        words, tags, lines, word_lines = sentence
        if columns[ID] != str(len(words) + 1):
            self._check_not_a_word(columns[ID], len(words) + 1, number)
            return
        word = columns[FORM]
        check_word(word, self.path, number)
        if self.column is not None:
            tag = self.column.read(columns)
            if tag not in self._checked:
                self._check_tag(tag, self.column, number)
            tags.append(tag)
        words.append(word)
        word_lines.append(len(lines) - 1)

    def _check_tag(self, tag: str, column: TagColumn, number: int) -> None:
        if column.index == UPOS and tag not in UPOS_TAGS:
            self._refuse(number, f"unknown UPOS tag {tag!r}; expected one of {', '.join(UPOS_TAGS)}")
        if not tag or tag.isspace():
            self._refuse(number, f"the column {NAMES[column.index]} is empty; expected a tag, or _ for none")
        check_word(tag, self.path, number, "tag")
        self._checked.add(tag)

    def _check_not_a_word(self, identity: str, expected_id: int, number: int) -> None:
        if RANGE_OR_EMPTY_NODE.fullmatch(identity):
            return
        if not identity.isdecimal():
            self._refuse(number, f"the id {identity!r} is not a number, a range (1-2) or an empty node (8.1)")
        problem = f"word {identity} where word {expected_id} was expected"
        self._refuse(number, f"{problem}; an empty line ends a sentence")

    def _check_comment(self, line: str, number: int) -> None:
        match = GLOBAL_COLUMNS.match(line)
        if match and match[1].split() != list(NAMES):
            found = f"CoNLL-U Plus with the columns {match[1].strip()}"
            self._refuse(number, f"{found}; expected the ten columns of CoNLL-U")

    def _refuse(self, number: int, problem: str) -> NoReturn:
        raise DataError(problem, self.path, number)

"""Lines with a word and its tag in columns, and blank lines between sentences. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from seqtrain.data.files.text import BYTE_ORDER_MARK, check_word
from seqtrain.errors import DataError

DOCUMENT_START = "-DOCSTART-"  # of CoNLL-2003, on a line of its own between blank lines


class TaggedSentence(NamedTuple):
    words: list[str]
    tags: list[str]


@dataclass(frozen=True)
class TwoColumnReader:
    """Iterate over the sentences of lines in columns.

    Columns are separated by a tab if the line has one, else by spaces. All lines have as many as the first.
    The lines of CoNLL-2003 that start a document are skipped.

    Args:
        lines: with their line ends.
        path: what messages call the file.
        word_column: counted from 1, or from the last, which is -1.
        tag_column: likewise.

    Raises:
        DataError: on iteration, with the file and the line.
    """

    lines: Iterable[str]
    path: str | Path
    word_column: int = 1
    tag_column: int = -1

    def __iter__(self) -> Iterator[TaggedSentence]:
        sentence = TaggedSentence([], [])
        num_columns = num_sentences = 0
        for number, line in enumerate(self.lines, start=1):
            if number == 1:
                line = line.removeprefix(BYTE_ORDER_MARK)
            columns = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
            if columns and columns[0] != DOCUMENT_START and not line.isspace():
                num_columns = num_columns or self._count(columns, number)
                if len(columns) != num_columns:
                    problem = f"{len(columns)} columns, but the lines before have {num_columns}"
                    raise DataError(problem, self.path, number)
                self._read_word(columns, number, sentence)
            elif sentence.words:
                num_sentences += 1
                yield sentence
                sentence = TaggedSentence([], [])
        if sentence.words:
            yield sentence
        elif num_sentences == 0:
            raise DataError("no sentence in it; expected a word and its tag on each line", self.path)

    def _count(self, columns: list[str], number: int) -> int:
        needed = max(2, abs(self.word_column), abs(self.tag_column))
        if len(columns) < needed:
            problem = f"expected at least {needed} columns, found {len(columns)}: word, tab or spaces, tag"
            raise DataError(problem, self.path, number)
        return len(columns)

    def _read_word(self, columns: list[str], number: int, sentence: TaggedSentence) -> None:
        word, tag = (columns[each - (each > 0)] for each in (self.word_column, self.tag_column))
        check_word(word, self.path, number)
        check_word(tag, self.path, number, "tag")
        sentence.words.append(word)
        sentence.tags.append(tag)

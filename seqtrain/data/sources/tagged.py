"""Tagged sentences in columns: a word and its tag on each line, and blank lines between sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seqtrain.data.corpus import Batching, find_split_files
from seqtrain.data.files.tagged_file import TaggedFile, TaggedSentence, read_tagged_file
from seqtrain.data.files.text import BYTE_ORDER_MARK, check_word
from seqtrain.data.sources.words import Files, KnownWords, WordSource
from seqtrain.errors import DataError

CACHE_VERSION = 1  # increase it whenever a change makes the same file read differently
DOCUMENT_START = "-DOCSTART-"  # of CoNLL-2003, on a line of its own between blank lines


class Tagged(WordSource):
    """Sentences with a word and its tag on each line, and blank lines between them.

    Args:
        path: a folder with one file for each split (train, dev or valid, test in its name), or a single file.
            Splits without a file are taken from train: every tenth sentence each.
        word_column: where the word is, counted from 1; -1 is the last column.
        tag_column: where the tag is, likewise.
        min_count: words that occur less often in train are unknown.
        vectors: a file of pretrained word vectors, see `KnownWords`.
        max_vectors: see `KnownWords`.
        cache_dir: where parsed files are cached; None for the user's cache folder.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        batch_size: int,
        eval_batch_size: int,
        max_tokens: int | None = None,
        epochs: int | None = None,
        min_steps: int = 0,
        word_column: int = 1,
        tag_column: int = -1,
        min_count: int = 1,
        vectors: str | Path | None = None,
        max_vectors: int | None = 100_000,
        cache_dir: str | Path | None = None,
    ) -> None:
        for name, column in (("word_column", word_column), ("tag_column", tag_column)):
            if column == 0:
                raise ValueError(f"{name} must be 1 or more, or -1 for the last column, got 0")
        batching = Batching(batch_size, max_tokens, eval_batch_size, epochs, min_steps)
        super().__init__(batching, KnownWords(min_count, vectors, max_vectors))
        self._path, self._cache_dir = Path(path), cache_dir
        self._columns = (word_column, tag_column)

    def read_files(self) -> Files:
        return {split: self._read(path) for split, path in find_split_files(self._path).items()}

    def _read(self, path: Path) -> TaggedFile:
        def parse(lines: Iterator[str]) -> TwoColumnReader:
            return TwoColumnReader(lines, path, *self._columns)

        options = "{} {}".format(*self._columns)
        return read_tagged_file(path, f"columns-{CACHE_VERSION}", parse, self._cache_dir, options)


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

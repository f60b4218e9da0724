"""Tagged sentences in columns: a word and its tag on each line, and blank lines between sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqtrain.data.corpus import Batching, find_split_files
from seqtrain.data.files.columns import TwoColumnReader
from seqtrain.data.files.tagged_file import TaggedFile, read_tagged_file
from seqtrain.data.sources.words import Files, KnownWords, WordSource

CACHE_VERSION = 1  # increase it whenever a change makes the same file read differently


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

"""Tagged sentences in columns: a word and its tag on each line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqtrain.data.corpus import Batching, Corpus
from seqtrain.data.files.tagged_file import TaggedFile, read_tagged_file
from seqtrain.data.files.two_column import TwoColumnReader
from seqtrain.data.sources.splits import find_parts
from seqtrain.data.sources.words import KnownWords, build_word_corpus
from seqtrain.spec import DataSpec, WordInputs

CACHE_VERSION = 1  # increase it whenever a change makes the same file read differently


class Tagged:
    """Sentences with a word and its tag on each line, and blank lines between them.

    Args:
        path: a folder with one file for each part (train, dev or valid, test in its name), or a single file.
            Parts without a file are taken from train: every tenth sentence each.
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
        self.batching = Batching(batch_size, max_tokens, eval_batch_size, epochs, min_steps)
        self._path, self._cache_dir = Path(path), cache_dir
        self._columns = (word_column, tag_column)
        self._known = KnownWords(min_count, vectors, max_vectors)
        self._recalled: WordInputs | None = None

    def recall(self, spec: DataSpec) -> None:
        """Use the words of the spec of a checkpoint instead of reading the file of word vectors."""
        if isinstance(spec.inputs, WordInputs) and spec.inputs.vector_size is not None:
            self._recalled = spec.inputs

    def load(self) -> Corpus:
        files = {split: self._read(path) for split, path in find_parts(self._path).items()}
        return build_word_corpus(files, self._known, self._recalled)

    def _read(self, path: Path) -> TaggedFile:
        def parse(lines: Iterator[str]) -> TwoColumnReader:
            return TwoColumnReader(lines, path, *self._columns)

        options = "{} {}".format(*self._columns)
        return read_tagged_file(path, f"columns-{CACHE_VERSION}", parse, self._cache_dir, options)

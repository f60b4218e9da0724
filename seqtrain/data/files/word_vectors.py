"""Pretrained word vectors, from the text files that GloVe, word2vec and fastText come in."""

from __future__ import annotations

import gzip
import logging
import os
import re
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqtrain.errors import DataError
from seqtrain.foreign import open_regular
from seqtrain.spec import Vocabulary

log = logging.getLogger(__name__)

Row = np.ndarray[Any, np.dtype[np.float32]]

NUMBER = re.compile(rb"[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?")
IN_NUMBERS = b"0123456789+-.eE \t\n\v\f\r"  # and between them, as bytes.split has it
HEADER = re.compile(rb"\s*([1-9]\d{0,9})\s+([1-9]\d{0,4})\s*")  # count dimension
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
MAX_LINE_BYTES = 1 << 22  # a word and as many numbers as a line can announce
MAX_RATIO = 20  # of a text and its gzip file
MAX_EMPTY_LINES = 10_000
NUM_SHOWN = 5  # bad lines that a message quotes
REMEDY = "give data.vectors a text file of GloVe, word2vec or fastText, plain or gzip, or null"


@dataclass(frozen=True)
class WordVectors:
    """Lower-cased words in the order of their file, and a vector for each."""

    words: tuple[str, ...]
    table: Tensor  # (words, size) float32

    @property
    def size(self) -> int:
        return self.table.shape[1]

    def rows_of(self, vocabulary: Vocabulary) -> Tensor:
        """(len(vocabulary), size): zero for the reserved ids, and for entries that have no vector."""
        index = vocabulary.index()
        ids = torch.tensor([index.get(word, 0) for word in self.words], dtype=torch.long)
        rows = torch.zeros(len(vocabulary), self.size)
        rows[ids[ids > 0]] = self.table[ids > 0]
        return rows


def read_word_vectors(path: str | Path, wanted: Collection[str], max_others: int | None) -> WordVectors:
    """Read a file with a word and its numbers on each line, after a line `count dimension` or without one.

    Words are lower-cased, like those of the vocabulary. Of entries that only differ in case the lower-cased
    one is used, else the first; of repeated entries the first. The words of `wanted` are kept wherever they
    are in the file, and the first `max_others` (None: all) of the others. Lines are split from the right: a
    word may contain spaces, but not end in a number after a space, which would be one number too many.

    A line that is not a word in UTF-8 followed by `dimension` finite numbers is skipped, with a warning at
    the end; the numbers of a line that is not kept are only checked for their characters. Empty lines do not
    count. The file may be compressed by gzip, whatever its name.

    Raises:
        DataError: the file cannot be read, holds no vectors, or has more bad lines than good ones.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"no such file; {REMEDY}", path)
    try:
        with open_regular(path) as file:
            start = file.peek(len(ZIP))
            if start.startswith(ZIP):
                raise DataError("a zip archive; unpack it, and give data.vectors one of its files", path)
            content: Any = gzip.GzipFile(fileobj=file) if start.startswith(GZIP) else file
            most = MAX_LINE_BYTES + MAX_RATIO * os.fstat(file.fileno()).st_size
            return _Reading(path, wanted, max_others).read(_bounded_lines(content, path, most))
    except EOFError:
        raise DataError("the gzip file is cut off; get it again", path) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"not a sound gzip file ({error}); get it again", path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}; {REMEDY}", path) from None


def _bounded_lines(content: Any, path: Path, most: int) -> Iterator[bytes]:
    """The lines of a file that may be hostile, and unpack to far more than its size."""
    total = num_empty = 0
    while line := content.readline(MAX_LINE_BYTES):
        total += len(line)
        if total > most:
            raise DataError(f"unpacks to more than {MAX_RATIO} times its size; {REMEDY}", path)
        num_empty += line.isspace()
        if num_empty > MAX_EMPTY_LINES:
            raise DataError(f"has more than {MAX_EMPTY_LINES:,} empty lines; {REMEDY}", path)
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            raise DataError(f"a line is longer than {MAX_LINE_BYTES:,} bytes; {REMEDY}", path)
        yield line


class _BadLineError(ValueError):
    """What is wrong with a line."""


@dataclass
class _Reading:
    """The state of reading a file line by line."""

    path: Path
    wanted: Collection[str]
    max_others: int | None
    num_others: int = 0
    num_good: int = 0
    num_bad: int = 0
    shown: list[str] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)
    of_other_case: set[str] = field(default_factory=set)  # words with the row of a capitalised entry

    def read(self, content: Iterable[bytes]) -> WordVectors:
        lines = ((number, line) for number, line in enumerate(content, start=1) if not line.isspace())
        number, first = next(lines, (1, b""))
        first = first.removeprefix(BYTE_ORDER_MARK)
        header = HEADER.fullmatch(first)
        size = int(header[2]) if header else _count_numbers(first.split()[1:])
        if size == 0:
            problem = "no word with numbers, and no `count dimension`" if first else "the file is empty"
            raise DataError(f"{problem}; {REMEDY}", self.path, number if first else None)
        if header is None:
            self._take(number, first, size)
        for number, line in lines:
            self._take(number, line, size)
        self._report(size, None if header is None else int(header[1]))
        table = np.array(list(self.rows.values()), dtype=np.float32).reshape(-1, size)
        return WordVectors(tuple(self.rows), torch.from_numpy(table))

    def _take(self, number: int, line: bytes, size: int) -> None:
        try:
            entry, numbers = _split(line, size)
            word = entry.lower()
            if self._is_kept(entry, word):
                self._keep(entry, word, _parse_numbers(numbers))
            self.num_good += 1
        except _BadLineError as problem:
            self.num_bad += 1
            if self.num_bad <= NUM_SHOWN:
                self.shown.append(f"line {number}: {problem}")

    def _is_kept(self, entry: str, word: str) -> bool:
        if word in self.rows:
            return entry == word and word in self.of_other_case
        return word in self.wanted or self.max_others is None or self.num_others < self.max_others

    def _keep(self, entry: str, word: str, row: Row) -> None:
        self.num_others += word not in self.rows and word not in self.wanted
        self.rows[word] = row
        (self.of_other_case.discard if entry == word else self.of_other_case.add)(word)

    def _report(self, size: int, announced: int | None) -> None:
        """Warn of bad lines, or refuse the file because of them."""
        num_lines = self.num_good + self.num_bad
        shown = "; ".join(self.shown + ["..."] * (self.num_bad > len(self.shown)))
        if self.num_bad > self.num_good:
            problem = f"{self.num_bad:,} of {num_lines:,} lines are not a word with {size} numbers ({shown})"
            raise DataError(f"{problem}; {REMEDY}", self.path)
        if num_lines == 0:
            raise DataError(f"no line follows the first; {REMEDY}", self.path)
        if self.num_bad:
            log.warning("%s: skipped %s of %s lines: %s", self.path, self.num_bad, num_lines, shown)
        if announced not in (None, num_lines):
            log.warning("%s: %s vectors announced in line 1, %s found", self.path, announced, num_lines)


def _split(line: bytes, size: int) -> tuple[str, list[bytes]]:
    """The word of a line, and its numbers as they are written."""
    entry, *numbers = line.rsplit(None, size)
    if len(numbers) < size:
        if line[:1].isspace() and len(numbers) == size - 1:
            raise _BadLineError("the word is empty")
        raise _BadLineError(f"expected {size} numbers, found {len(numbers)}")
    if line[len(entry) :].translate(None, IN_NUMBERS):
        raise _BadLineError(_find_fault(numbers))
    words = entry.split()
    if len(words) > 1 and NUMBER.fullmatch(words[-1]):
        raise _BadLineError(f"expected {size} numbers, found {size + _count_numbers(words[1:])}")
    try:
        return entry.lstrip().decode(), numbers
    except UnicodeDecodeError:
        raise _BadLineError("the word is not UTF-8") from None


def _parse_numbers(numbers: list[bytes]) -> Row:
    try:
        with np.errstate(over="ignore"):  # overflow becomes inf, which is refused below
            row = np.array(list(map(float, numbers)), dtype=np.float32)
    except ValueError:
        raise _BadLineError(_find_fault(numbers)) from None
    if not np.isfinite(row).all():
        raise _BadLineError(_find_fault(numbers))
    return row


def _find_fault(numbers: list[bytes]) -> str:
    largest = float(np.finfo(np.float32).max)
    fault = next(each for each in numbers if not NUMBER.fullmatch(each) or abs(float(each)) > largest)
    return f"{fault[:20].decode(errors='replace')!r} is not a finite number"


def _count_numbers(fields: list[bytes]) -> int:
    """The number of numbers at the end."""
    count = 0
    while count < len(fields) and NUMBER.fullmatch(fields[-1 - count]):
        count += 1
    return count

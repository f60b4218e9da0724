"""Text files and streams, read line by line in bounded memory."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, Protocol

from tqdm import tqdm

from seqtrain.errors import DataError
from seqtrain.foreign import decode_utf8, open_regular

MAX_LINE_BYTES = 1 << 20  # anything longer is not text that was meant to be read line by line
MAX_TEXT_BYTES = 1 << 30  # of a text that is read as a whole: its characters as a list take ten times as much
MAX_WORD_LENGTH = 1000  # characters
LINES_PER_UPDATE = 10_000  # of the progress bar
SECONDS_BEFORE_BAR = 2.0
BYTE_ORDER_MARK = "\ufeff"
BLOCK_BYTES = 1 << 16  # asked for at a time; a pipe gives what has arrived


@contextmanager
def open_lines(path: Path) -> Iterator[Iterator[str]]:
    """The lines of a UTF-8 file with their line ends; a progress bar appears if reading takes long.

    Raises:
        DataError: see `open_regular` and `LineStream`.
    """
    with open_regular(path) as file:
        size = path.stat().st_size
        # `disable=None`: no bar where there is no terminal.
        bar = tqdm(
            total=size, desc=path.name, unit="B", unit_scale=True, delay=SECONDS_BEFORE_BAR, disable=None
        )
        with bar:
            yield _show_progress(LineStream(file, path), file, bar)


def _show_progress(lines: Iterator[str], file: io.BufferedReader, bar: tqdm[NoReturn]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line
        if number % LINES_PER_UPDATE == 0:
            bar.update(file.tell() - bar.n)


def read_utf8(path: Path) -> str:
    """The text of a file, as a whole.

    Raises:
        DataError: it is larger than a gibibyte; see also `open_regular` and `decode_utf8`.
    """
    with open_regular(path) as file:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise DataError("is larger than 1 GiB, the most that is read as one text; cut it", path)
        return decode_utf8(file.read(), path)


def check_word(word: str, path: str | Path, line: int, what: str = "word") -> None:
    """Refuse a word or tag that is empty or longer than any word."""
    if not word or word.isspace():
        raise DataError(f"the {what} is empty", path, line)
    if len(word) > MAX_WORD_LENGTH:
        problem = f"the {what} has {len(word):,} characters; expected at most {MAX_WORD_LENGTH:,}"
        raise DataError(problem, path, line)


class Readable(Protocol):
    """What LineStream needs of a binary stream."""

    def read1(self, size: int, /) -> bytes:
        """Up to `size` bytes, as soon as there are any; none at the end."""


class LineStream(Iterator[str]):
    """Iterate over the lines of a UTF-8 stream, with their line ends.

    Args:
        stream: to read from.
        path: what messages call it.

    Raises:
        DataError: on iteration, where a line is not UTF-8 or longer than a megabyte.
    """

    def __init__(self, stream: Readable, path: str | Path) -> None:
        self.path = path
        self._stream = stream
        self._lines: deque[str] = deque()
        self._rest = b""  # the beginning of a line whose end has not been read
        self._num_read = 0

    def __next__(self) -> str:
        while not self._lines:
            self._read()
        return self._lines.popleft()

    @property
    def is_drained(self) -> bool:
        """Whether the next line has to be waited for, or may not come at all."""
        return not self._lines

    def peek_content(self) -> str:
        """The first line that is neither blank nor a comment, which stays to be read; "" if there is none."""
        passed: list[str] = []
        for line in self:
            passed.append(line)
            content = line.removeprefix(BYTE_ORDER_MARK)
            if content.strip() and not content.startswith("#"):
                break
        else:
            content = ""
        self._lines.extendleft(reversed(passed))
        return content

    def _read(self) -> None:
        block = self._stream.read1(BLOCK_BYTES)
        if not block and not self._rest:
            raise StopIteration
        content, end, self._rest = (self._rest + block).rpartition(b"\n")
        if not block:  # the last line has no end
            content, self._rest = self._rest, b""
        first_line = self._num_read + 1
        if len(self._rest) > MAX_LINE_BYTES:
            raise DataError(f"the line is longer than {MAX_LINE_BYTES:,} bytes", self.path, first_line)
        *ended, last = decode_utf8(content + end, self.path, first_line).split("\n")
        self._lines.extend(line + "\n" for line in ended)
        if last:
            self._lines.append(last)
        self._num_read += len(ended)

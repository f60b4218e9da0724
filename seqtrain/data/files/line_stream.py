"""The lines of a stream, as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from seqtrain.data.files.text import MAX_LINE_BYTES, decode_utf8
from seqtrain.errors import DataError

BLOCK = 1 << 16  # bytes asked for at a time; a pipe gives what has arrived


class Readable(Protocol):
    """What is needed of a binary stream."""

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
            content = line.removeprefix("\ufeff")
            if content.strip() and not content.startswith("#"):
                break
        else:
            content = ""
        self._lines.extendleft(reversed(passed))
        return content

    def _read(self) -> None:
        block = self._stream.read1(BLOCK)
        if not block and not self._rest:
            raise StopIteration
        content, end, self._rest = (self._rest + block).rpartition(b"\n")
        if not block:  # the last line has no end
            content, end, self._rest = self._rest, b"", b""
        if len(self._rest) > MAX_LINE_BYTES:
            raise DataError(
                f"the line is longer than {MAX_LINE_BYTES:,} bytes", self.path, self._num_read + 1
            )
        text = decode_utf8(content + end, self.path, self._num_read + 1)
        lines = text.split("\n")
        ended = [line + "\n" for line in lines[:-1]]
        self._lines.extend([*ended, lines[-1]] if lines[-1] else ended)
        self._num_read += len(lines) - 1

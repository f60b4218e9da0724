from __future__ import annotations

import pytest

from seqtrain.data.files.line_stream import LineStream
from seqtrain.errors import DataError


class Pipe:
    """Gives one block for each call, as a pipe does."""

    def __init__(self, *blocks: bytes) -> None:
        self.blocks = list(blocks)

    def read1(self, size: int) -> bytes:
        return self.blocks.pop(0) if self.blocks else b""


def stream(*blocks: bytes) -> LineStream:
    return LineStream(Pipe(*blocks), "input")


def test_lines_are_cut_at_line_ends_alone() -> None:
    assert list(stream(b"on", b"e\nt\r\nwo\x0c", b"\xe2", b"\x80\xa8\n\nlast")) == [
        "one\n",
        "t\r\n",
        "wo\x0c\u2028\n",
        "\n",
        "last",
    ]
    assert list(stream()) == []


def test_it_is_drained_when_the_next_line_has_to_be_waited_for() -> None:
    lines = stream(b"a\nb\nc", b"\n")
    assert [(next(lines), lines.is_drained) for _ in range(3)] == [
        ("a\n", False),
        ("b\n", True),
        ("c\n", True),
    ]


def test_no_block_is_read_before_it_is_needed() -> None:
    pipe = Pipe(b"a\n", b"b\n")
    lines = LineStream(pipe, "input")
    assert next(lines) == "a\n"
    assert pipe.blocks == [b"b\n"]


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("\n# note\n1\tthe\n2\n", "1\tthe\n"),
        ("\ufeff# note\nwords\n", "words\n"),
        ("\ufeffwords", "words"),
        ("# note\n\n", ""),
        ("", ""),
    ],
)
def test_peeking_consumes_nothing(text: str, content: str) -> None:
    lines = stream(text.encode())
    assert lines.peek_content() == content
    assert "".join(lines) == text


def test_a_byte_that_is_not_utf8_is_told_with_its_line() -> None:
    with pytest.raises(DataError, match=r"^input:3: the byte 0xff is not valid UTF-8"):
        list(stream(b"a\n", b"b\nc\xff\n"))


def test_a_line_without_end_is_bounded() -> None:
    blocks = [b"a\n", *[b"b" * 2**16] * 20]
    with pytest.raises(DataError, match=r"^input:2: the line is longer than 1,048,576 bytes$"):
        list(stream(*blocks))

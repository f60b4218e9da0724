from __future__ import annotations

import os
from pathlib import Path

import pytest

from seqtrain.data.files import text
from seqtrain.data.files.text import (
    LineStream,
    check_word,
    open_lines,
    read_utf8,
)
from seqtrain.errors import DataError
from seqtrain.foreign import decode_utf8, open_regular


def test_lines_keep_their_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("one\r\n\u2028two\n\nthree".encode())
    with open_lines(path) as lines:
        assert list(lines) == ["one\r\n", "\u2028two\n", "\n", "three"]


def test_invalid_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"# one\n# two\n1\tcaf\xe9\n")
    problem = f"{path}:3: the byte 0xe9 is not valid UTF-8; save the file as UTF-8"
    with pytest.raises(DataError) as caught:
        read_utf8(path)
    assert str(caught.value) == problem
    with open_lines(path) as lines, pytest.raises(DataError) as caught:
        list(lines)
    assert str(caught.value) == problem
    with pytest.raises(DataError, match=r"^here:5: the byte 0xff"):
        decode_utf8(b"\n\xff", "here", first_line=4)


def test_what_is_not_a_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, problem in (
        (tmp_path / "none", "the file is missing"),
        (tmp_path, "is a folder; expected a file"),
        (tmp_path / "pipe", "is a pipe or a device; expected a regular file"),
        (Path("/dev/zero"), "is a pipe or a device; expected a regular file"),
        (tmp_path / ("x" * 300), "cannot be opened: File name too long"),
    ):
        with pytest.raises(DataError) as caught:
            open_regular(path)
        assert str(caught.value) == f"{path}: {problem}"
    with pytest.raises(DataError, match=r"cannot be opened: .*embedded null"):  # worded by Python's version
        open_regular(Path("a\0b"))


def test_words_that_are_no_words() -> None:
    check_word("x" * 1000, "a", 1)
    with pytest.raises(DataError, match=r"^a:7: the word has 1,000,000 characters; expected at most 1,000$"):
        check_word("x" * 1_000_000, "a", 7)
    for empty in ("", " ", "\u3000"):
        with pytest.raises(DataError, match=r"^a:7: the word is empty$"):
            check_word(empty, "a", 7)


def test_a_long_reading_shows_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars = []

    class Bar:
        def __init__(self, **options: object) -> None:
            self.n, self.options = 0, options
            bars.append(self)

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None: ...

        def update(self, number: int) -> None:
            self.n += number

    monkeypatch.setattr(text, "tqdm", Bar)
    path = tmp_path / "long.txt"
    path.write_bytes(b"0123456789\n" * 25_000)
    with open_lines(path) as lines:
        assert sum(1 for _ in lines) == 25_000
    (bar,) = bars
    assert 11 * 20_001 <= bar.n <= 11 * 25_000
    assert (bar.options["total"], bar.options["delay"]) == (11 * 25_000, 2.0)


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


def test_a_text_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match="is larger than 1 GiB, the most that is read as one text; cut it"):
        read_utf8(path)

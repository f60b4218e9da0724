"""Files of word vectors: what is read, what is skipped and told, what is refused."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from seqtrain.data import read_word_vectors
from seqtrain.errors import DataError
from seqtrain.spec import Vocabulary

Write = Callable[..., Path]
REMEDY = "give data.vectors a text file of GloVe, word2vec or fastText, plain or gzip, or null"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes lines, or bytes as they are, under a name that says nothing about them."""

    def write(*lines: str, content: bytes | None = None) -> Path:
        path = tmp_path / "vectors"
        path.write_bytes("".join(f"{line}\n" for line in lines).encode() if content is None else content)
        return path

    return write


def read(path: Path, wanted: set[str] | frozenset[str] = frozenset(), max_others: int | None = None):
    vectors = read_word_vectors(path, wanted, max_others)
    return dict(zip(vectors.words, vectors.table.tolist(), strict=True))


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_word_vectors(path, frozenset(), None)
    return str(caught.value).replace(str(path), "FILE")


FORMATS = {
    "glove": b"the 0.5 -1 2e-1\nsaw .25 +3. 0\n",
    "word2vec": b"2 3\nthe 0.5 -1 2e-1\nsaw .25 +3. 0\n",
    "fasttext": b"2 3\nthe 0.5 -1 2e-1 \nsaw .25 +3. 0 \n",  # a space at the end of each line
    "tabs": b"the\t0.5\t-1\t2e-1\r\nsaw\t.25\t+3.\t0\r\n",
    "byte order mark": b"\xef\xbb\xbf2 3\nthe 0.5 -1 2e-1\nsaw .25 +3. 0\n",
    "no last line feed": b"the 0.5 -1 2e-1\n\n \nsaw .25 +3. 0",
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_formats(write: Write, caplog, name: str, compress) -> None:
    found = read(write(content=compress(FORMATS[name])))
    assert list(found) == ["the", "saw"]
    assert found["the"] == pytest.approx([0.5, -1, 0.2])
    assert found["saw"] == [0.25, 3, 0]
    assert caplog.records == []


def test_words_may_hold_spaces_and_be_numbers(write: Write) -> None:
    lines = ("2 1 2", ". . . 3 4", "at name@domain.com 5 6", "a\u00a01 7 8", "\u00a0 9 10", "\u0085 1 1")
    path = write(*lines, "word\v2\f2")
    assert read(path) == {
        "2": [1, 2],
        ". . .": [3, 4],
        "at name@domain.com": [5, 6],
        "a\u00a01": [7, 8],
        "\u00a0": [9, 10],
        "\u0085": [1, 1],
        "word": [2, 2],
    }


def test_of_cases_the_lower_one_counts_else_the_first(write: Write) -> None:
    path = write("The 1 1", "THE 2 2", "Paris 3 3", "the 4 4", "PARIS 5 5", "the 6 6", "end 7 7", "End 8 8")
    assert read(path) == {"the": [4, 4], "paris": [3, 3], "end": [7, 7]}
    assert list(read(path)) == ["the", "paris", "end"]  # by the first of its entries


def test_wanted_words_are_kept_anywhere_and_others_from_the_top(write: Write) -> None:
    path = write("a 1", "b 2", "B 3", "C 4", "d 5", "Dog 6", "c 7", "dog 8")
    assert read(path, {"dog", "b"}, max_others=2) == {"a": [1], "b": [2], "c": [7], "dog": [8]}
    assert read(path, {"dog"}, max_others=0) == {"dog": [8]}
    assert read(path, {"cat"}, max_others=0) == {}
    assert list(read(path, {"dog"})) == ["a", "b", "c", "d", "dog"]


def test_rows_of_a_vocabulary(write: Write) -> None:
    vectors = read_word_vectors(write("dog 1 2", "run 3 4", "other 5 6"), frozenset(), None)
    rows = vectors.rows_of(Vocabulary(("the", "run", "dog"), (2, 1, 0)))
    assert rows.tolist() == [[0, 0], [0, 0], [0, 0], [3, 4], [1, 2]]
    assert vectors.size == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"bad 1", "expected 2 numbers, found 1"),
        (b"bad", "expected 2 numbers, found 0"),
        (b"bad 1 2 3", "expected 2 numbers, found 3"),
        (b"bad 1 2 3 4", "expected 2 numbers, found 4"),
        (b" 1 2", "the word is empty"),
        (b"bad 1 x", "'x' is not a finite number"),
        (b"bad 1_0 2", "'1_0' is not a finite number"),
        (b"bad nan 2", "'nan' is not a finite number"),
        (b"bad 1 -inf", "'-inf' is not a finite number"),
        (b"bad 1 1e39", "'1e39' is not a finite number"),
        (b"bad 1 1-2", "'1-2' is not a finite number"),
        (b"bad 1 \xff", "'\ufffd' is not a finite number"),
        (b"b\xffd 1 2", "the word is not UTF-8"),
    ],
)
def test_a_bad_line_is_skipped_and_told(write: Write, caplog, line: bytes, problem: str) -> None:
    path = write(content=b"a 1 2\n\n" + line + b"\nc 5 6\nbad 7 8\n")
    assert read(path) == {"a": [1, 2], "c": [5, 6], "bad": [7, 8]}
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("seqtrain.data.files.word_vectors", logging.WARNING)
    assert record.getMessage() == f"{path}: skipped 1 of 4 lines: line 3: {problem}"


def test_one_warning_quotes_five_bad_lines(write: Write, caplog) -> None:
    path = write("14 1", *["good 1"] * 7, *["bad x"] * 7)
    assert read(path) == {"good": [1]}
    (record,) = caplog.records
    quoted = "; ".join(f"line {number}: 'x' is not a finite number" for number in range(9, 14))
    assert record.getMessage() == f"{path}: skipped 7 of 14 lines: {quoted}; ..."


def test_lines_that_are_not_kept_are_checked_too(write: Write, caplog) -> None:
    assert read(write("a 1 2", "b 3", "c 4 x", "d 5 6"), max_others=0) == {}
    assert "skipped 2 of 4 lines: line 2: expected 2 numbers, found 1; line 3: 'x'" in caplog.text


def test_a_file_that_is_shorter_than_it_announces(write: Write, caplog) -> None:
    path = write("3 2", "a 1 2")
    assert read(path) == {"a": [1, 2]}
    assert [each.getMessage() for each in caplog.records] == [
        f"{path}: 3 vectors announced in line 1, 1 found"
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", f"the file is empty; {REMEDY}"),
        (b"\n \n", f"the file is empty; {REMEDY}"),
        (b"\nonly words\n", f"2: no word with numbers, and no `count dimension`; {REMEDY}"),
        (b"5 3\n", f"no line follows the first; {REMEDY}"),
        (
            b"2 3\na 1 2 3\nb 1\nc 1\n",
            "2 of 3 lines are not a word with 3 numbers"
            f" (line 3: expected 3 numbers, found 1; line 4: expected 3 numbers, found 1); {REMEDY}",
        ),
        (
            b"1 3\na 1 2 3 4\n",
            f"1 of 1 lines are not a word with 3 numbers (line 2: expected 3 numbers, found 4); {REMEDY}",
        ),
        (b"a 1 2\n" + b"x" * (5 << 20), f"a line is longer than 4,194,304 bytes; {REMEDY}"),
        (gzip.compress(b"\0" * (5 << 20)), f"a line is longer than 4,194,304 bytes; {REMEDY}"),
        (
            gzip.compress((b"a" + b" 1" * 2000 + b"\n") * 1300),
            f"unpacks to more than 20 times its size; {REMEDY}",
        ),
        (b"a 1 2\n" + b"\n" * 10_001, f"has more than 10,000 empty lines; {REMEDY}"),
        (b"PK\x03\x04rest", "a zip archive; unpack it, and give data.vectors one of its files"),
        (gzip.compress(b"a 1 2\n" * 999, mtime=0)[:-12], "the gzip file is cut off; get it again"),
        (b"\x1f\x8bno gzip file", "not a sound gzip file (Unknown compression method); get it again"),
    ],
)
def test_refusals(write: Write, content: bytes, problem: str) -> None:
    message = refusal(write(content=content))
    assert message in (f"FILE: {problem}", f"FILE:{problem}")


def test_what_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "FILE: is a folder; expected a file"
    assert refusal(tmp_path / "no") == f"FILE: no such file; {REMEDY}"

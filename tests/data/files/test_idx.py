import struct
from pathlib import Path

import pytest

from seqtrain.data.files.idx import parse_idx
from seqtrain.errors import DataError


def labels(*values: int, magic: int = 0x801, announced: int | None = None) -> bytes:
    return struct.pack(">2I", magic, len(values) if announced is None else announced) + bytes(values)


def test_an_array_has_the_announced_shape() -> None:
    content = struct.pack(">4I", 0x803, 2, 1, 3) + bytes(range(6))
    assert parse_idx(content, 3, Path("x")).tolist() == [[[0, 1, 2]], [[3, 4, 5]]]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\0\0\x08", "3 bytes are too few for an IDX file; get the file again"),
        (labels(1, magic=0x803), "the magic number is 2051, not 2049: no IDX file of labels"),
        (labels(1, announced=2), "1 bytes of values where 2 = 2 were announced; get the file again"),
        (labels(), "the file holds no values"),
    ],
)
def test_what_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_idx(content, 1, Path("labels"))
    assert str(caught.value) == f"labels: {problem}"

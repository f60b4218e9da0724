import os
from pathlib import Path

import pytest

from seqtrain.config import ConfigError
from seqtrain.config.plain_yaml import MAX_BYTES, MAX_DEPTH, read_bounded_text, read_plain_yaml


def write(folder: Path, content: bytes) -> Path:
    path = folder / "some.yaml"
    path.write_bytes(content)
    return path


def test_plain_values(tmp_path: Path) -> None:
    path = write(tmp_path, b"a: 1\nb: [1e-3, null, true]\nc: {d: text}\n")
    assert read_plain_yaml(path) == {"a": 1, "b": [0.001, None, True], "c": {"d": "text"}}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: &x [1]\nb: *x\n", "line 2, column 4: aliases are not allowed"),
        (b"[1, 2]", "expected keys and values, found a list"),
        (b"", "expected keys and values, found nothing"),
        (b"a: \xff", "not UTF-8 text: byte 3 is 0xff"),
        (
            b"a: ${oc.env:HOME}",
            "a: got '${oc.env:HOME}'; a run folder's configuration holds no interpolations",
        ),
        (b"a:\n  b: ???", "a.b: has no value (???)"),
        (b"a: [!!binary aGVsbG8=]", "a[0]: got bytes, expected a plain value"),
        (b"a: {1: x}", "a: the key 1 is not a text"),
        (b"a: [1", "line 1, column 6: expected ',' or ']', but got '<stream end>'"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        read_plain_yaml(path)
    assert caught.value.problems == (f"{path}: {problem}",)


def test_nesting_up_to_the_limit(tmp_path: Path) -> None:
    depth = MAX_DEPTH - 1  # the outermost level is the mapping
    assert read_bounded_text(write(tmp_path, b"a: " + b"[" * depth + b"]" * depth))
    with pytest.raises(ConfigError, match="line 1, column 33: nested more than 30 levels deep"):
        read_bounded_text(write(tmp_path, b"a: " + b"[" * 100_000))


def test_size_up_to_the_limit(tmp_path: Path) -> None:
    assert len(read_bounded_text(write(tmp_path, b"#" * MAX_BYTES))) == 1_000_000
    with pytest.raises(ConfigError, match="larger than 1,000,000 bytes"):
        read_bounded_text(write(tmp_path, b"#" * (MAX_BYTES + 1)))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="pipe: not a regular file"):
        read_bounded_text(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="none: no such file"):
        read_bounded_text(tmp_path / "none")

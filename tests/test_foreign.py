"""Files of others: what is read of them, and what is refused in bounded time and memory."""

from __future__ import annotations

import math
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from seqtrain.errors import DataError
from seqtrain.foreign import (
    MAX_BYTES,
    find_strange_entries,
    is_regular,
    open_regular,
    parse_yaml,
    read_json,
    read_regular,
    read_yaml,
)

SECONDS = 2  # at most, for what took minutes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("[null, Null, NULL]", [None] * 3),
        ("[true, True, yes, on, false, No, OFF]", [True, True, True, True, False, False, False]),
        ("[0, -1, +1, 1_000]", [0, -1, 1, 1000]),
        ("[1., .5, -1.5, 1e-3, 1.0e+3, -.inf, 1_0.0]", [1.0, 0.5, -1.5, 0.001, 1000.0, -math.inf, 10.0]),
        ("[1:30, 0x10, 0b1, 010, 2020-01-01, 1e, yEs, ., -, ==]", None),
        ("['1', \"true\", !!str 3, ! 3]", ["1", "true", "3", "3"]),
        ("{1: a, b: {c: [d]}}", {1: "a", "b": {"c": ["d"]}}),
        ("a: |\n  b\n  c\n", {"a": "b\nc\n"}),
    ],
)
def test_values(text: str, value: Any) -> None:
    """What is no value of a configuration, such as a number to the base 60 or a date, is a text."""
    if value is None and text.startswith("[1"):
        value = text.strip("[]").split(", ")
    assert parse_yaml(text, "x") == value
    assert parse_yaml("- .nan", "x")[0] != 0


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="$"), max_size=9)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(TEXT, inside, max_size=3),
    max_leaves=20,
)


@given(value=st.dictionaries(TEXT, PLAIN, max_size=3))
def test_what_we_write_is_read_as_it_was(value: dict[str, Any]) -> None:
    value |= {"value": [1e-5, 1e20, "1e3", "on", "1_0", "2020-01-01", "1:2", "0x1", ".nan", "~"]}
    assert parse_yaml(OmegaConf.to_yaml(OmegaConf.create(value)), "x") == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: &x [1]\nc: *x", "x:3: aliases are not allowed"),
        ("a: !!set {b}", "x:1: tags such as tag:yaml.org,2002:set are not allowed"),
        ("a: !!binary aGVsbG8=", "x:1: tags such as tag:yaml.org,2002:binary are not allowed"),
        ("a: !!python/object/apply:os.system [ls]", "x:1: tags such as tag:yaml.org,2002:python/object/"),
        ("? [1]\n: 2", "x:1: a key that is a list or a mapping; expected a text"),
        ("a: 1\na: 2", "x:2: the key a appears twice"),
        ("a: 1\n---\nb: 1", "x:2: a second document; expected one"),
        ("a: [1", "x:"),
        ("a: b: c", "x:1: mapping values are not allowed in this context"),
        ("a: \0", "x: unacceptable character #x0000: "),
        ('a: "\\ud800"', "x:1: "),
        (f"a: {'9' * 5000}", "x:1: a number of 5,000 digits; expected at most 300"),
        ("[" * 100_000, "x:1: nested more than 30 levels deep"),
        ("- " * 100_000, "x:1: nested more than 30 levels deep"),
        ("".join(f"{k * (2**61 - 1)}: 1\n" for k in range(25_000)), "x:10000: more than 20,000 values"),
    ],
)
def test_what_is_no_configuration(text: str, problem: str) -> None:
    began_at = time.process_time()
    with pytest.raises(DataError, match=f"^{re.escape(problem)}"):
        parse_yaml(text, "x")
    assert time.process_time() - began_at < SECONDS


@pytest.mark.parametrize(
    "text", [f"0x{'F' * 900_000}", ":".join(["1"] * 400_000), "x" * 900_000, "1_" * 400_000 + "x"]
)
def test_long_values_take_no_time(text: str) -> None:
    began_at = time.process_time()
    assert parse_yaml(f"- {text}", "x") == [text]
    assert time.process_time() - began_at < SECONDS


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "a.json: cannot be read as JSON: Expecting property name enclosed in double quotes"),
        (b"[" * 100_000, "a.json: is nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "a.json: cannot be read as JSON: a number of 5,000 digits; expected "),
        (b'["\\ud800"]', "a.json: cannot be read as JSON: 'utf-8' codec can't encode character"),
        (b"\xff", "a.json:1: the byte 0xff is not valid UTF-8"),
    ],
)
def test_what_is_no_json(content: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(f'{tmp_path}/{problem}')}"):
        read_json(path)


def test_json_that_others_write(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": NaN, "b": 1e999, "c": [1]}')
    values = read_json(path)
    assert math.isnan(values.pop("a"))
    assert values == {"b": math.inf, "c": [1]}


def test_the_size_is_looked_at_first(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(20 << 30)  # zeros that take no room on the disk
    began_at = time.process_time()
    for read in (read_yaml, read_json):
        with pytest.raises(DataError, match=r"a\.yaml: has 21,474,836,480 bytes; expected at most 1,"):
            read(path)
    assert time.process_time() - began_at < SECONDS
    path.write_bytes(b"#" * MAX_BYTES)
    assert read_yaml(path) is None


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("1")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for name, problem in (("pipe", "a pipe or a device"), (".", "a folder"), ("none", "missing")):
        with pytest.raises(DataError, match=problem):
            open_regular(tmp_path / name)
    assert read_regular(tmp_path / "link", 10) == b"1"
    with pytest.raises(DataError, match="link: is a link, which is not followed here; expected a "):
        read_regular(tmp_path / "link", 10, follow=False)
    regular = [is_regular(tmp_path / name) for name in ("file", "link", "pipe", ".", "none", "n" * 300)]
    assert regular == [True, False, False, False, False, False]


def test_what_leads_out_of_a_folder(tmp_path: Path) -> None:
    (folder := tmp_path / "folder" / "deep").mkdir(parents=True)
    (folder / "file").write_text("1")
    (folder / "inside").symlink_to("file")
    (folder / "outside").symlink_to(tmp_path)
    (folder / "broken").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    assert [each.replace(str(tmp_path), "TMP") for each in find_strange_entries(tmp_path / "folder")] == [
        "TMP/folder/deep/outside: is a link to a place outside of TMP/folder, which is not followed",
        "TMP/folder/deep/pipe: is a pipe or a device, which is not opened",
    ]

"""Damaged and hostile data files are refused by one message, or harmless; never a traceback, never a hang."""

from __future__ import annotations

import gzip
import io
import os
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from seqtrain.data import (
    Arrays,
    Images,
    Mnist,
    Series,
    Tagged,
    Text,
    Texts,
    Treebank,
    read_images,
    read_word_vectors,
)
from seqtrain.data.files.downloads import cached
from seqtrain.errors import DataError

SENTENCE = "# text = A dog\n1-2\tAdog\t_\t_\t_\t_\t_\t_\t_\t_\n" + "".join(
    f"{number}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\tX=\u00e9\n"
    for number, (word, tag) in enumerate([("A", "DET"), ("dog", "NOUN")], start=1)
)
CONLLU = "\n".join([SENTENCE] * 4).encode()
TWO_COLUMN = b"-DOCSTART- O\n\nA\tB-X\ndog\tI-X\n\nruns O\n\nA B-X\n\nA O\n"
IDX = bytes([0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 2]) + bytes(range(16))
LABELS = bytes([0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 0, 1])
TABLE = b"text,label\n" + b"play a song,music\nwhat time is it,clock\nstop it,music\nten past one,clock\n" * 5
SERIES = b"time,a,b\n" + b"".join(b"2024-01-01 %02d:00,%d.5,%d\n" % (n, n % 7, n % 5) for n in range(24))
VECTORS = b"2 3\ndog 1 2 3\ncat 4 5 6\n"


SIZES: Any = {"batch_size": 2, "eval_batch_size": 2}
ARRAYS = {"x": np.arange(24.0).reshape(4, 3, 2), "lengths": [3, 1, 2, 3], "y": ["a", "b", "a", "b"]}
PIXELS = np.arange(16, dtype=np.uint8).reshape(4, 4)


def content_of(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def read_conllu(folder: Path, content: bytes) -> None:
    for part in ("train", "dev", "test"):
        (folder / f"{part}.conllu").write_bytes(content if part == "train" else CONLLU)
    Treebank(data_dir=folder, treebank="", path=folder, cache_dir=folder / "cache", **SIZES).load()


def read_two_column(folder: Path, content: bytes) -> None:
    (folder / "a.txt").write_bytes(content)
    Tagged(path=folder / "a.txt", cache_dir=folder / "cache", **SIZES).load()


def read_mnist(folder: Path) -> None:
    Mnist(data_dir="", path=folder, view="rows", dev_size=1, **SIZES).load()


def read_idx(folder: Path, content: bytes, ending: str = "") -> None:
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte{ending}").write_bytes(content)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(LABELS)
    read_mnist(folder)


def read_npz(folder: Path, content: bytes) -> None:
    (folder / "a.npz").write_bytes(content)
    Arrays(path=folder / "a.npz", **SIZES).load()


def read_npy(folder: Path, content: bytes) -> None:
    (folder / "a.npy").write_bytes(content)
    read_images(folder / "a.npy", (4, 4))


def read_png_folder(folder: Path, content: bytes) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir(exist_ok=True)
        for number in range(2):
            (folder / name / f"{number}.png").write_bytes(content)
    Images(path=folder, view="rows", **SIZES).load()


def read_vectors(folder: Path, content: bytes) -> None:
    (folder / "vectors.txt").write_bytes(content)
    read_word_vectors(folder / "vectors.txt", {"dog"}, None)


def read_text(folder: Path, content: bytes) -> None:
    path = folder / "a.txt"
    path.write_bytes(content)
    cut: Any = {"split": (8, 1, 1), "batch_size": 1, "steps": 2, "random_steps": False, "restarts": 0.0}
    Text(path=path, unit="character", **cut).load()


def read_table(folder: Path, content: bytes) -> None:
    (folder / "a.csv").write_bytes(content)
    Texts(path=folder / "a.csv", unit="word", **SIZES).load()


def read_series(folder: Path, content: bytes) -> None:
    (folder / "a.csv").write_bytes(content)
    Series(path=folder / "a.csv", context=4, horizon=2, fold=1, season=2, **SIZES).load()


FORMATS: dict[str, tuple[Callable[[Path, bytes], None], bytes]] = {
    "conllu": (read_conllu, CONLLU),
    "two columns": (read_two_column, TWO_COLUMN),
    "text": (read_text, b"It is a truth universally acknowledged.\n" * 4),
    "table": (read_table, TABLE),
    "series": (read_series, SERIES),
    "idx": (read_idx, IDX),
    "packed idx": (partial(read_idx, ending=".gz"), gzip.compress(IDX)),
    "npz": (read_npz, content_of(lambda buffer: np.savez_compressed(buffer, **ARRAYS))),
    "npy": (read_npy, content_of(lambda buffer: np.save(buffer, np.zeros((4, 4), dtype=np.uint8)))),
    "png": (read_png_folder, content_of(lambda buffer: Image.fromarray(PIXELS).save(buffer, format="PNG"))),
    "word vectors": (read_vectors, VECTORS),
    "packed word vectors": (read_vectors, gzip.compress(VECTORS)),
}
PIECES = [b"", b"\0", b"\n", b"\n\n", b"\r\n", b"\t", b" ", b"\xef\xbb\xbf", b"1", b"_", b"#", b"\xff" * 8]


@st.composite
def damage(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with a few bytes replaced, inserted, removed or cut off."""
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)))
        stop = min(len(content), place + draw(st.integers(0, 6)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)))
        content = content[:place] + piece + content[stop:]
    return content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content


@pytest.mark.filterwarnings("ignore")  # of numpy and Pillow, on what they are about to refuse
@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_is_refused_or_harmless(name: str, data: st.DataObject, tmp_path_factory) -> None:
    read, content = FORMATS[name]
    damaged = data.draw(damage(content))
    message = ""
    try:
        read(tmp_path_factory.mktemp("damaged"), damaged)
    except DataError as error:
        message = str(error)
    assert "\n" not in message


@pytest.mark.parametrize("name", FORMATS)
def test_undamaged_files_are_read(name: str, tmp_path: Path) -> None:
    read, content = FORMATS[name]
    read(tmp_path, content)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"\n" * 1000, os.urandom(4096)])
def test_content_of_another_kind_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        FORMATS[name][0](tmp_path, content)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_cache_entry_is_computed_again(data: st.DataObject, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("cache")
    (folder / "file").write_bytes(b"content")
    arguments = (folder / "file", "kind", lambda: {"numbers": torch.arange(4), "names": ["a"]})
    cached(*arguments, folder / "entries")
    (entry,) = (folder / "entries").iterdir()
    entry.write_bytes(data.draw(damage(entry.read_bytes())))
    assert cached(*arguments, folder / "entries")["numbers"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("train.conllu", lambda path: Treebank(data_dir="", treebank="", path=path, **SIZES).load()),
        ("train.txt", lambda path: Tagged(path=path, **SIZES).load()),
        ("train.npz", lambda path: Arrays(path=path, **SIZES).load()),
        ("train-images-idx3-ubyte", read_mnist),
        ("vectors.txt", lambda path: read_word_vectors(path / "vectors.txt", {"a"}, None)),
    ],
)
def test_a_special_file_is_refused_at_once(
    tmp_path: Path, name: str, load: Callable[[Path], object], kind: str
) -> None:
    path = tmp_path / name
    make = {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}
    make.get(kind, lambda: path.symlink_to("/dev/zero"))()
    if name == "train.conllu":
        (tmp_path / "test.conllu").write_bytes(CONLLU)
    with pytest.raises(DataError, match=rf"{name}: is a (folder|pipe or a device); expected a "):
        load(tmp_path)


def test_a_word_of_a_megabyte_is_refused(tmp_path: Path) -> None:
    content = CONLLU.replace(b"dog", b"x" * 1_000_000)
    with pytest.raises(DataError, match=r"train.conllu:4: the word has 1,000,000 characters"):
        read_conllu(tmp_path, content)
    with pytest.raises(DataError, match=r"a.txt:1: the word has 1,000,000 characters"):
        read_two_column(tmp_path, b"x" * 1_000_000 + b" O\n")


def test_a_line_without_an_end_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(b"")
    with (tmp_path / "train.txt").open("r+b") as file:
        file.truncate(1 << 28)  # zeros that take no room on the disk
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"train.txt:1: the line is longer than 1,048,576 bytes$"):
            Tagged(path=tmp_path, batch_size=1, eval_batch_size=1, cache_dir=tmp_path / "cache").load()
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()

from __future__ import annotations

import gzip
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqtrain.data import Mnist, View
from seqtrain.errors import DataError
from seqtrain.spec import DataSpec, SequenceClasses

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"

IMAGES = np.arange(5 * 2 * 3, dtype=np.uint8).reshape(5, 2, 3) * 8
LABELS = np.array([3, 1, 4, 1, 5], dtype=np.uint8)


def idx(values: np.ndarray, magic: int | None = None) -> bytes:
    magic = 0x800 + values.ndim if magic is None else magic
    return struct.pack(f">{1 + values.ndim}I", magic, *values.shape) + values.tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for images, labels in ((TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)):
        (tmp_path / images).write_bytes(gzip.compress(idx(IMAGES)))
        (tmp_path / labels).write_bytes(gzip.compress(idx(LABELS)))
    return tmp_path


def source(folder: Path, **options: Any) -> Mnist:
    defaults = {"view": "rows", "dev_size": 2, "batch_size": 2, "eval_batch_size": 2, "path": folder}
    return Mnist(data_dir=folder, **{**defaults, **options})


def refusal(folder: Path, name: str, content: bytes, **options: Any) -> str:
    (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        source(folder, **options).load()
    return str(caught.value).replace(str(folder), "FOLDER")


def test_dev_is_the_end_of_train(folder: Path) -> None:
    splits = source(folder).load().splits
    assert splits["train"].batch([0, 1, 2]).targets.tolist() == [3, 1, 4]
    assert splits["dev"].batch([0, 1]).targets.tolist() == [1, 5]
    assert splits["test"].batch(range(5)).targets.tolist() == LABELS.tolist()
    batch = splits["dev"].batch([1])
    assert batch.lengths.tolist() == [2]
    torch.testing.assert_close(batch.inputs[0] * 255, torch.from_numpy(IMAGES[4]).float())


@pytest.mark.parametrize("view", ["rows", "columns", "pixels", "permuted"])
def test_views(folder: Path, view: str) -> None:
    corpus = source(folder, view=view).load()
    batch = corpus.splits["test"].batch([2, 0])
    expected = View(view, 2, 3)
    assert torch.equal(batch.inputs, expected(torch.from_numpy(IMAGES[[2, 0]]) / 255))
    assert batch.lengths.tolist() == [expected.num_steps] * 2
    assert corpus.spec == DataSpec(expected.inputs, SequenceClasses(tuple("012345")))
    assert DataSpec.from_dict(corpus.spec.to_dict()) == corpus.spec


def test_training_images_alone_are_augmented_before_the_view(folder: Path) -> None:
    splits = source(folder, view="columns", augment=lambda images: images.flip(2)).load().splits
    plain = source(folder, view="columns").load().splits
    assert torch.equal(splits["train"].batch([0]).inputs, plain["train"].batch([0]).inputs.flip(1))
    for split in ("dev", "test"):
        assert torch.equal(splits[split].batch([0]).inputs, plain[split].batch([0]).inputs)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            TRAIN_IMAGES,
            gzip.compress(idx(IMAGES))[:-10],
            "the gz file is cut off; delete it and get it again",
        ),
        (
            TEST_IMAGES,
            gzip.compress(idx(IMAGES))[:12] + b"\xff" * 4 + gzip.compress(idx(IMAGES))[16:],
            r"the gz file is damaged \(.*\); delete it and get it again",
        ),
        (
            TRAIN_LABELS,
            b"<html>",
            r"the gz file is damaged \(Not a gzipped file \(b'<h'\)\); delete it and get it again",
        ),
        (
            TRAIN_IMAGES,
            gzip.compress(idx(IMAGES, magic=2049)),
            "the magic number is 2049, not 2051: not an IDX file of images",
        ),
        (
            TRAIN_LABELS,
            gzip.compress(idx(IMAGES)),
            "the magic number is 2051, not 2049: not an IDX file of labels",
        ),
        (TRAIN_IMAGES, gzip.compress(b"\0\0"), "2 bytes are too few for an IDX file; get the file again"),
        (
            TRAIN_IMAGES,
            gzip.compress(idx(IMAGES)[:-1]),
            "29 bytes of values where 5 x 2 x 3 = 30 were announced; get the file again",
        ),
        (TRAIN_IMAGES, gzip.compress(idx(IMAGES[:0])), "the file holds no values"),
        (TRAIN_LABELS, gzip.compress(idx(LABELS[:4])), "4 labels for 5 images"),
        ("labels.txt", b"zero\none\n", "2 names of classes, but there are labels up to 5"),
        ("labels.txt", b"a\nb\nc\nd\ne\na\n", "two classes have the same name"),
    ],
)
def test_a_damaged_file(folder: Path, name: str, content: bytes, problem: str) -> None:
    assert re.fullmatch(f"FOLDER/{name}: {problem}", refusal(folder, name, content))


def test_a_missing_file(folder: Path) -> None:
    (folder / TEST_LABELS).unlink()
    with pytest.raises(
        DataError, match=r": no file \*t10k-labels-idx1-ubyte or \*t10k-labels-idx1-ubyte.gz here$"
    ):
        source(folder).load()


def test_classes_are_as_many_as_the_labels_say(folder: Path) -> None:
    labels = np.array([3, 1, 46, 1, 12], dtype=np.uint8)
    (folder / TEST_LABELS).write_bytes(gzip.compress(idx(labels)))
    spec = source(folder).load().spec
    assert spec.targets.names == tuple(str(number) for number in range(47))


def test_classes_are_named_by_a_file(folder: Path) -> None:
    (folder / "labels.txt").write_text("zero\none\ntwo\nthree\nfour\nfive\n\n")
    assert source(folder).load().spec.targets.names == ("zero", "one", "two", "three", "four", "five")


def test_unpacked_files_and_files_of_other_names(folder: Path) -> None:
    expected = source(folder).load().splits["test"].batch([0, 4]).inputs
    for path in folder.glob("*.gz"):
        name = path.name.removesuffix(".gz").replace("t10k", "test")
        (folder / f"emnist-balanced-{name}").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert torch.equal(source(folder).load().splits["test"].batch([0, 4]).inputs, expected)
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("emnist-balanced-", "").replace("-idx", ".idx"))
    assert torch.equal(source(folder).load().splits["test"].batch([0, 4]).inputs, expected)


def test_two_data_sets_in_one_folder(folder: Path) -> None:
    (folder / "other-train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    with pytest.raises(DataError) as caught:
        source(folder).load()
    assert str(caught.value) == (
        f"{folder}: one file *train-images-idx3-ubyte expected, found other-train-images-idx3-ubyte,"
        f" {TRAIN_IMAGES}; keep one data set here"
    )


def test_content_beyond_a_bound_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqtrain.data.files.downloads.MAX_CONTENT_BYTES", 1 << 20)
    bomb = gzip.compress(bytes(50 << 20))
    assert len(bomb) < 100_000
    assert refusal(folder, TRAIN_IMAGES, bomb) == (
        f"FOLDER/{TRAIN_IMAGES}: the content is 1.0 MiB or more; expected less"
    )


def test_test_images_of_another_size(folder: Path) -> None:
    assert refusal(folder, TEST_IMAGES, gzip.compress(idx(IMAGES.reshape(5, 3, 2)))) == (
        "FOLDER: test images are 3x2 pixels, training images 2x3"
    )


def test_a_dev_size_that_leaves_nothing(folder: Path) -> None:
    with pytest.raises(DataError, match=r": dev_size=5 leaves nothing of 5 images to train on$"):
        source(folder, dev_size=5).load()
    with pytest.raises(ValueError, match=r"^dev_size must be at least 1, got 0$"):
        source(folder, dev_size=0)


def test_an_unknown_view_is_refused_before_anything_is_read(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"^view must be one of rows, columns, pixels, permuted, got 'row'$"):
        source(folder, view="row")


def test_other_files_under_the_names_of_mnist_are_refused(folder: Path) -> None:
    (folder / "mnist").mkdir()
    for path in folder.glob("*.gz"):
        path.rename(folder / "mnist" / path.name)
    with pytest.raises(DataError) as caught:
        source(folder, path=None).load()
    assert re.fullmatch(
        rf".*/mnist/{TRAIN_IMAGES}: wrong checksum: expected sha256 ba891046\w{{56}} of the decompressed"
        r" content, found \w{64}; delete the file to have it downloaded again, or give the folder of another"
        r" data set as data\.path",
        str(caught.value),
    )


@pytest.mark.real_data
def test_the_real_one(data_dir: Path) -> None:
    corpus = source(data_dir, path=None, dev_size=5000).load()  # the checksums are compared on the way
    sizes = {name: len(split.lengths) for name, split in corpus.splits.items()}
    assert sizes == {"train": 55_000, "dev": 5_000, "test": 10_000}
    assert (corpus.spec.inputs.feature_size, corpus.spec.inputs.size) == (28, (28, 28))
    assert corpus.splits["train"].batch(range(10)).targets.tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert corpus.splits["test"].batch(range(10)).targets.tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]

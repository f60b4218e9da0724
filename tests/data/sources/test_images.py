from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from seqtrain.data import Images
from seqtrain.data.corpus import Corpus
from seqtrain.errors import DataError


def draw(path: Path, value: int, size: tuple[int, int] = (4, 3)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, dtype=np.uint8)).save(path)


def load(path: Path, **options: Any) -> Corpus:
    return Images(path=path, view="rows", batch_size=2, eval_batch_size=2, **options).load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(["cat", "cat", "dog"]):
        draw(tmp_path / name / f"{number}.png", 50 * number)
    (tmp_path / "cat" / "notes.txt").touch()
    return tmp_path


def test_a_folder_for_each_class(folder: Path) -> None:
    corpus = load(folder)
    assert corpus.spec.targets.names == ("cat", "dog")
    assert (corpus.spec.inputs.size, corpus.spec.inputs.feature_size, corpus.spec.inputs.view) == (
        (4, 3),
        3,
        "rows",
    )
    batches = {name: split.batch([0]) for name, split in corpus.splits.items()}
    assert {name: batch.targets.tolist() for name, batch in batches.items()} == {
        "train": [0],
        "dev": [1],
        "test": [0],
    }
    torch.testing.assert_close(batches["dev"].inputs, torch.full((1, 4, 3), 100 / 255))
    assert corpus.notes[0] == (
        f"no dev split: every tenth image of {folder.name}, 1 in all, is used as dev and not for training"
    )


def test_folders_for_train_dev_and_test(folder: Path) -> None:
    for part in ("train", "dev", "test"):
        draw(folder / "parts" / part / "a" / "x.PNG", 1)
        draw(folder / "parts" / part / "b" / "x.png", 2)
    corpus = load(folder / "parts")
    assert [len(split.lengths) for split in corpus.splits.values()] == [2, 2, 2]
    assert corpus.notes == ()


def test_images_of_another_size(folder: Path) -> None:
    draw(folder / "dog" / "9.png", 150, size=(8, 6))
    with pytest.raises(DataError) as caught:
        load(folder)
    assert str(caught.value) == (
        f"{folder}/dog/9.png: 8 x 6 pixels, but the first image has 4 x 3; give data.size=[HEIGHT,WIDTH] to"
        " resize all images"
    )
    corpus = load(folder, size=[2, 2])
    assert corpus.spec.inputs.size == (2, 2)
    torch.testing.assert_close(corpus.splits["dev"].batch([0]).inputs, torch.full((1, 2, 2), 150 / 255))


def test_training_images_alone_are_augmented(folder: Path) -> None:
    splits = load(folder, augment=lambda images: images + 1).splits
    assert splits["train"].batch([0]).inputs.min() == 1
    assert splits["test"].batch([0]).inputs.max() < 1


def test_folders_that_hold_too_little(folder: Path, tmp_path: Path) -> None:
    for path, problem in (
        (tmp_path / "none", "there is no such folder"),
        (folder / "cat", "no PNG files in its folders; expected CLASS/*.png"),
    ):
        with pytest.raises(DataError) as caught:
            load(path)
        assert str(caught.value) == f"{path}: {problem}"
    (folder / "dog" / "2.png").rename(folder / "cat" / "2.png")
    with pytest.raises(DataError, match=r"images of only one class; expected a folder for"):
        load(folder)
    (folder / "cat" / "2.png").unlink()
    with pytest.raises(DataError, match=r": 2 images are too few to keep some for dev and test$"):
        load(folder)

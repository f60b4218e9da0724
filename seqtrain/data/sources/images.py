"""The user's own images: PNG files in one folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from seqtrain.data.corpus import SPLITS, Batching, Corpus, Dataset, take_from_train
from seqtrain.data.files.images import read_png, resize_image
from seqtrain.data.files.text import SECONDS_BEFORE_BAR
from seqtrain.data.view import Augment, View, image_dataset
from seqtrain.errors import DataError
from seqtrain.spec import DataSpec, SequenceClasses

Files = list[tuple[Path, str]]  # with the class of each


class Images:
    """PNG files, converted to grey values from 0 to 1.

    Args:
        path: a folder with folders train, dev and test, each with one folder for each class; or with the
            classes' folders themselves. What is missing is taken from train: every tenth image each.
        view: how an image is read as a sequence.
        size: height and width to resize all images to; None if all have those of the first.
        augment: changes the images of a training batch, (batch, height, width), before the view is taken.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        view: str,
        batch_size: int,
        eval_batch_size: int,
        max_tokens: int | None = None,
        size: Sequence[int] | None = None,
        augment: Augment | None = None,
        epochs: int | None = None,
        min_steps: int = 0,
    ) -> None:
        View(view, 1, 1)  # refuses an unknown name now rather than after reading
        self.batching = Batching(batch_size, max_tokens, eval_batch_size, epochs, min_steps)
        self._path, self._view, self._augment = Path(path), view, augment
        self._size = None if size is None else (size[0], size[1])

    def load(self) -> Corpus:
        files = _find_files(self._path)
        train = files["train"]
        masks, notes = take_from_train(len(train), files, "image", self._path)
        files |= {split: list(compress(train, chosen.tolist())) for split, chosen in masks.items()}
        names = tuple(sorted({name for each in files.values() for _, name in each}))
        if len(names) < 2:
            raise DataError("images of only one class; expected a folder for each of two or more", self._path)
        size = self._size or read_png(files["train"][0][0]).shape[1:]
        view = View(self._view, *size)
        splits: dict[str, Dataset] = {
            split: image_dataset(
                _read(files[split], size, resize=self._size is not None),
                torch.tensor([names.index(name) for _, name in files[split]]),
                view,
                self._augment if split == "train" else None,
            )
            for split in SPLITS
        }
        spec = DataSpec(view.inputs, SequenceClasses(names))
        return Corpus(spec, splits, notes=tuple(notes))


def _find_files(folder: Path) -> dict[str, Files]:
    """The images of each split; all are train where there are no folders for splits."""
    if not folder.is_dir():
        raise DataError("there is no such folder", folder)
    folders = {split: folder / split for split in SPLITS if (folder / split).is_dir()}
    found = {}
    for split, each in (folders if "train" in folders else {"train": folder}).items():
        found[split] = [(path, path.parent.name) for path in sorted(each.glob("*/*.[pP][nN][gG]"))]
        if not found[split]:
            raise DataError("no PNG files in its folders; expected CLASS/*.png", each)
    return found


def _read(files: Files, size: tuple[int, int], resize: bool) -> Tensor:
    """(images, height, width) uint8"""
    images: npt.NDArray[np.uint8] = np.empty((len(files), *size), dtype=np.uint8)
    bar = tqdm(files, desc="reading images", unit="file", delay=SECONDS_BEFORE_BAR, disable=None)
    for index, (path, _) in enumerate(bar):
        (image,) = read_png(path)
        if image.shape != size and resize:
            image = resize_image(image.astype(np.float32), size, path).round().astype(np.uint8)
        if image.shape != size:
            problem = "{} x {} pixels, but the first image has {} x {}".format(*image.shape, *size)
            raise DataError(f"{problem}; give data.size=[HEIGHT,WIDTH] to resize all images", path)
        images[index] = image
    return torch.from_numpy(images)

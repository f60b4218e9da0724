"""MNIST, and any other set of digit images in the same four files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from seqtrain.data.batching.vector_dataset import VectorDataset
from seqtrain.data.corpus import Batching, Corpus
from seqtrain.data.files.downloads import MNIST, fetch, read_content, verify
from seqtrain.data.files.idx import parse_idx
from seqtrain.data.sources.digits import CLASSES
from seqtrain.data.view import View
from seqtrain.errors import DataError
from seqtrain.records import DataSpec

Augment = Callable[[Tensor], Tensor]


class Mnist:
    """60,000 training images, of which the last `dev_size` are dev, and 10,000 test images, from 0 to 1.

    The files are looked for in `data_dir`/mnist and downloaded there if they are missing. `path` names a
    folder with another data set in files of the same four names (Fashion-MNIST, say), which is used as it is.
    `augment` changes the images of a training batch, (batch, height, width), before the view is taken.
    """

    def __init__(
        self,
        *,
        data_dir: str | Path,
        view: str,
        dev_size: int,
        batch_size: int,
        eval_batch_size: int,
        max_tokens: int | None = None,
        path: str | Path | None = None,
        augment: Augment | None = None,
    ) -> None:
        if dev_size < 1:
            raise ValueError(f"dev_size must be at least 1, got {dev_size}")
        View(view, 1, 1)  # refuses an unknown name now rather than after reading
        self.batching = Batching(batch_size, max_tokens, eval_batch_size)
        self._view, self._dev_size, self._augment = view, dev_size, augment
        self._folder = Path(data_dir) / MNIST.folder if path is None else Path(path)
        self._sha256 = MNIST.sha256 if path is None else {}

    def load(self) -> Corpus:
        if self._sha256:
            fetch(MNIST, self._folder)
        images, labels = self._read("train")
        test_images, test_labels = self._read("t10k")
        if test_images.shape[1:] != images.shape[1:]:
            raise DataError(
                f"test images are {_size(test_images)} pixels, training images {_size(images)}", self._folder
            )
        train_size = len(images) - self._dev_size
        if train_size < 1:
            raise DataError(
                f"dev_size={self._dev_size} leaves nothing of {len(images)} images to train on", self._folder
            )
        view = View(self._view, images.shape[1], images.shape[2])
        spec = DataSpec(CLASSES, view.feature_size, view=view.name, image_size=(view.height, view.width))
        train = image_dataset(images[:train_size], labels[:train_size], view, self._augment)
        dev = image_dataset(images[train_size:], labels[train_size:], view)
        test = image_dataset(test_images, test_labels, view)
        return Corpus(spec, {"train": train, "dev": dev, "test": test})

    def _read(self, part: str) -> tuple[Tensor, Tensor]:
        images = self._read_file(f"{part}-images-idx3-ubyte.gz", num_dims=3)
        name = f"{part}-labels-idx1-ubyte.gz"
        labels = self._read_file(name, num_dims=1).long()
        if len(images) != len(labels):
            raise DataError(f"{len(labels)} labels for {len(images)} images", self._folder / name)
        if labels.max() >= len(CLASSES):
            place = int((labels >= len(CLASSES)).nonzero()[0])
            raise DataError(
                f"the label of image {place} (counted from 0) is {labels[place]}; expected 0 to 9",
                self._folder / name,
            )
        return images, labels

    def _read_file(self, name: str, num_dims: int) -> Tensor:
        path = self._folder / name
        content = read_content(path)
        values = parse_idx(content, num_dims, path)
        if name in self._sha256:
            verify(content, self._sha256[name], path)
        return values


def image_dataset(
    images: Tensor, labels: Tensor | None, view: View, augment: Augment | None = None
) -> VectorDataset:
    """Images of bytes, (num_images, height, width), as sequences of numbers from 0 to 1."""

    def transform(chosen: Tensor) -> Tensor:
        scaled = chosen.float() / 255
        return view(scaled if augment is None else augment(scaled))

    return VectorDataset(images, torch.full((len(images),), view.num_steps), labels, transform)


def _size(images: Tensor) -> str:
    return f"{images.shape[1]}x{images.shape[2]}"

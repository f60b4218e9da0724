"""MNIST, and any other set of images in the same four files."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import torch
from torch import Tensor

from seqtrain.data.corpus import Batching, Corpus
from seqtrain.data.files.downloads import MNIST, fetch, read_content, verify
from seqtrain.data.files.text import read_utf8
from seqtrain.data.view import Augment, View, image_dataset
from seqtrain.errors import DataError
from seqtrain.spec import DataSpec, SequenceClasses

UNSIGNED_BYTE = 8  # the third byte of the magic number; the fourth is the number of dimensions
LABEL_NAMES = "labels.txt"


def parse_idx(content: bytes, num_dims: int, path: Path) -> Tensor:
    """The array in an IDX file of bytes, uint8; DataError if the file is of another kind or incomplete."""
    header = 4 * (1 + num_dims)
    if len(content) < header:
        raise DataError(f"{len(content)} bytes are too few for an IDX file; get the file again", path)
    magic, *shape = struct.unpack(f">{1 + num_dims}I", content[:header])
    expected = UNSIGNED_BYTE << 8 | num_dims
    if magic != expected:
        kind = {1: "labels", 3: "images"}.get(num_dims, f"{num_dims} dimensions")
        raise DataError(f"the magic number is {magic}, not {expected}: not an IDX file of {kind}", path)
    values = len(content) - header
    if values != math.prod(shape):
        announced = f"{' x '.join(map(str, shape))} = {math.prod(shape)} were announced"
        raise DataError(f"{values} bytes of values where {announced}; get the file again", path)
    if values == 0:
        raise DataError("the file holds no values", path)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=header).view(shape)


class Mnist:
    """Images from 0 to 1; the last `dev_size` of the training images are dev.

    Args:
        data_dir: MNIST is in its folder `mnist`, and downloaded there if it is missing.
        view: how an image is read as a sequence.
        dev_size: images at the end of the training images.
        path: a folder with another data set (Fashion-MNIST, EMNIST, ...) instead, used as it is: files whose
            names end in those of MNIST's four (or in `test-` for `t10k-`), with or without `.gz`. Classes are
            numbered, or named by `labels.txt`, one on each line.
        augment: changes the images of a training batch, (batch, height, width), before the view is taken.
        download: whether to download missing files; for a run folder, which may come from others, false.
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
        download: bool = True,
    ) -> None:
        if dev_size < 1:
            raise ValueError(f"dev_size must be at least 1, got {dev_size}")
        View(view, 1, 1)  # refuses an unknown name now rather than after reading
        self.batching = Batching(batch_size, max_tokens, eval_batch_size)
        self._view, self._dev_size, self._augment = view, dev_size, augment
        self._folder = Path(data_dir) / MNIST.folder if path is None else Path(path)
        self._sha256 = MNIST.sha256 if path is None else {}
        self._download = download

    def load(self) -> Corpus:
        if self._sha256:
            fetch(MNIST, self._folder, self._download)
        images, labels = self._read("train")
        test_images, test_labels = self._read("t10k")
        if test_images.shape[1:] != images.shape[1:]:
            sizes = (f"{each.shape[1]}x{each.shape[2]}" for each in (test_images, images))
            raise DataError("test images are {} pixels, training images {}".format(*sizes), self._folder)
        train_size = len(images) - self._dev_size
        if train_size < 1:
            problem = f"dev_size={self._dev_size} leaves nothing of {len(images)} images to train on"
            raise DataError(problem, self._folder)
        names = self._target_names(int(max(labels.max(), test_labels.max())) + 1)
        view = View(self._view, images.shape[1], images.shape[2])
        spec = DataSpec(view.inputs, SequenceClasses(names))
        train = image_dataset(images[:train_size], labels[:train_size], view, self._augment)
        dev = image_dataset(images[train_size:], labels[train_size:], view)
        test = image_dataset(test_images, test_labels, view)
        return Corpus(spec, {"train": train, "dev": dev, "test": test})

    def _read(self, prefix: str) -> tuple[Tensor, Tensor]:
        images = self._read_file(f"{prefix}-images-idx3-ubyte", num_dims=3)
        name = f"{prefix}-labels-idx1-ubyte"
        labels = self._read_file(name, num_dims=1).long()
        if len(images) != len(labels):
            raise DataError(f"{len(labels)} labels for {len(images)} images", self._find(name))
        return images, labels

    def _read_file(self, name: str, num_dims: int) -> Tensor:
        path = self._find(name)
        content = read_content(path)
        values = parse_idx(content, num_dims, path)
        if path.name in self._sha256:
            verify(content, self._sha256[path.name], path)
        return values

    def _find(self, name: str) -> Path:
        """The file whose name ends in `name`, packed or not, or in another spelling of it."""
        if self._sha256:
            return self._folder / f"{name}.gz"
        # EMNIST has "test" for "t10k", and unpacked files of MNIST are often called train-images.idx3-ubyte.
        spellings = {name, name.replace("t10k", "test")}
        spellings |= {spelling.replace("-idx", ".idx") for spelling in spellings}
        endings = tuple(spelling + packed for spelling in spellings for packed in ("", ".gz"))
        found = sorted(path for path in self._folder.glob("*") if path.name.endswith(endings))
        if not found:
            raise DataError(f"no file *{name} or *{name}.gz here", self._folder)
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise DataError(f"one file *{name} expected, found {names}; keep one data set here", self._folder)
        return found[0]

    def _target_names(self, num_classes: int) -> tuple[str, ...]:
        path = self._folder / LABEL_NAMES
        if self._sha256 or not path.exists():
            return tuple(str(number) for number in range(num_classes))
        names = tuple(line.strip() for line in read_utf8(path).splitlines() if line.strip())
        if len(names) < num_classes:
            problem = f"{len(names)} names of classes, but there are labels up to {num_classes - 1}"
            raise DataError(problem, path)
        if len(set(names)) < len(names):
            raise DataError("two classes have the same name", path)
        return names

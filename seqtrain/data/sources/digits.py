"""The 8x8 scans of handwritten digits that scikit-learn carries."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtrain.data.batching.datasets import VectorDataset
from seqtrain.data.corpus import Batching, Corpus
from seqtrain.data.view import View
from seqtrain.spec import DataSpec, SequenceClasses

CLASSES = tuple("0123456789")
TEST_SIZE, DEV_SIZE = 360, 180  # a fifth and a tenth of 1,797


class Digits:
    """1,257 images to train on, 180 dev and 360 test, each eight rows of eight numbers from 0 to 1.

    The split is stratified by class and fixed: it does not depend on the seed of the run, so that runs can be
    compared.
    """

    def __init__(self, *, batch_size: int, eval_batch_size: int, max_tokens: int | None = None) -> None:
        self.batching = Batching(batch_size, max_tokens, eval_batch_size)

    def load(self) -> Corpus:
        from sklearn.datasets import load_digits  # takes a second to import, and only this source needs it

        pixels, labels = load_digits(return_X_y=True)
        view = View("rows", 8, 8)
        inputs = view(torch.from_numpy(pixels / 16).float().view(-1, 8, 8))
        targets = torch.from_numpy(labels).long()

        def split(chosen: Tensor) -> VectorDataset:
            return VectorDataset(inputs[chosen], torch.full((len(chosen),), view.num_steps), targets[chosen])

        order = torch.from_numpy(_spread_classes(labels))
        test, dev, train = torch.split(order, [TEST_SIZE, DEV_SIZE, len(order) - TEST_SIZE - DEV_SIZE])
        spec = DataSpec(view.inputs, SequenceClasses(CLASSES))
        return Corpus(spec, {"train": split(train), "dev": split(dev), "test": split(test)})


def _spread_classes(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """A random but fixed order in which every contiguous stretch has the same distribution of classes."""
    order = np.random.RandomState(0).permutation(len(labels))
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        position[members] = (np.arange(len(members)) + 0.5) / len(members)
    return order[np.argsort(position[order], kind="stable")]

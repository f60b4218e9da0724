"""Images, read as sequences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import cast, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtrain.data.batching.datasets import VectorDataset
from seqtrain.spec import DataSpec, ImageInputs, ViewName

VIEWS: tuple[ViewName, ...] = get_args(ViewName)

Augment = Callable[[Tensor], Tensor]
"""Changes the images of a training batch, (batch, height, width)."""


@dataclass(frozen=True)
class View:
    """Read images of one size as sequences.

    With `rows` and `columns` each row (top to bottom) or column (left to right) is a time step; with `pixels`
    each pixel is, line by line; with `permuted` the pixels are in a fixed random order, which separates
    neighbours. That order is drawn from NumPy's RandomState(0), whose numbers are guaranteed never to change.
    """

    name: str
    height: int
    width: int

    def __post_init__(self) -> None:
        if self.name not in VIEWS:
            raise ValueError(f"view must be one of {', '.join(VIEWS)}, got {self.name!r}")

    @cached_property
    def _order(self) -> Tensor:
        return torch.from_numpy(np.random.RandomState(0).permutation(self.height * self.width))

    @property
    def num_steps(self) -> int:
        return {"rows": self.height, "columns": self.width}.get(self.name, self.height * self.width)

    @property
    def feature_size(self) -> int:
        return {"rows": self.width, "columns": self.height}.get(self.name, 1)

    @property
    def inputs(self) -> ImageInputs:
        """What a model has to know of images that are read this way."""
        return ImageInputs(feature_size=self.feature_size, view=self.name, size=(self.height, self.width))

    @classmethod
    def of(cls, inputs: ImageInputs) -> View:
        """The view by which these images are read."""
        return cls(inputs.view, *inputs.size)

    def __call__(self, images: Tensor) -> Tensor:
        """(batch, height, width) -> (batch, time, features)"""
        if self.name == "rows":
            return images
        if self.name == "columns":
            return images.transpose(1, 2)
        pixels = images.flatten(1)
        return (pixels[:, self._order] if self.name == "permuted" else pixels).unsqueeze(2)

    def to_images(self, sequences: Tensor) -> Tensor:
        """(batch, time, features) -> (batch, height, width): the images that were read as these sequences."""
        if self.name == "rows":
            return sequences
        if self.name == "columns":
            return sequences.transpose(1, 2)
        pixels = sequences.squeeze(2)
        if self.name == "permuted":
            pixels = torch.empty_like(pixels).index_copy_(1, self._order, pixels)
        return pixels.view(-1, self.height, self.width)

    @property
    def pixels_of_steps(self) -> list[list[int]]:
        """For each step the pixels that it reads, counted line by line from 0."""
        pixels = torch.arange(self.height * self.width).view(1, self.height, self.width)
        return cast(list[list[int]], self(pixels)[0].tolist())


def image_dataset(
    images: Tensor, labels: Tensor | None, view: View, augment: Augment | None = None
) -> VectorDataset:
    """Images of bytes, (num_images, height, width), as sequences of numbers from 0 to 1."""

    def transform(chosen: Tensor) -> Tensor:
        scaled = chosen.float() / 255
        return view(scaled if augment is None else augment(scaled))

    return VectorDataset(images, torch.full((len(images),), view.num_steps), labels, transform)


def encode_images(spec: DataSpec, pixels: npt.NDArray[np.float32]) -> VectorDataset:
    """Images, (images, height, width) from 0 to 1, as sequences to predict on."""
    assert isinstance(spec.inputs, ImageInputs)
    view = View.of(spec.inputs)
    return VectorDataset(view(torch.from_numpy(pixels)), torch.full((len(pixels),), view.num_steps))

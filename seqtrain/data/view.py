"""Images as sequences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from seqtrain.names import ViewName
from seqtrain.spec import ImageInputs

VIEWS: tuple[ViewName, ...] = get_args(ViewName)


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
    _order: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.name not in VIEWS:
            raise ValueError(f"view must be one of {', '.join(VIEWS)}, got {self.name!r}")
        order = np.random.RandomState(0).permutation(self.height * self.width)
        object.__setattr__(self, "_order", torch.from_numpy(order))

    @property
    def num_steps(self) -> int:
        return {"rows": self.height, "columns": self.width}.get(self.name, self.height * self.width)

    @property
    def feature_size(self) -> int:
        return {"rows": self.width, "columns": self.height}.get(self.name, 1)

    @property
    def inputs(self) -> ImageInputs:
        """What a model has to know of images that are read so."""
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
        places = torch.arange(self.height * self.width, dtype=torch.float64).view(1, self.height, self.width)
        return [[int(place) for place in step] for step in self(places)[0].tolist()]

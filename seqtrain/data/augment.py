"""Random distortions of training images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def affine_grid(
    images: Tensor, degrees: Tensor, translation: Tensor, scaling: Tensor, shear: Tensor
) -> Tensor:
    """The source of each pixel when images are sheared, scaled and rotated about their centres, then moved.

    Args:
        images: (batch, height, width) float.
        degrees: (batch,) clockwise.
        translation: (batch, 2) to the right and down, as shares of the width and the height.
        scaling: (batch,) 1 keeps the size.
        shear: (batch,) degrees by which upright lines lean to the left.

    Returns:
        (batch, height, width, 2) positions in the old image, across and down, from -1 to 1 between its edges.
    """
    height, width = images.shape[1:]
    angle, lean = degrees.deg2rad(), shear.deg2rad().tan()
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(lean), torch.ones_like(lean)
    turn = torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)
    slant = torch.stack([one, lean, zero, one], dim=1).view(-1, 2, 2)
    there = turn @ slant * scaling[:, None, None]  # pixels of the old image to pixels of the new one
    back = torch.linalg.inv(there)
    # A grid counts from -1 to 1 in both directions, whatever the shape of the image.
    half = torch.tensor([width, height], dtype=images.dtype, device=images.device) / 2
    back = back * half / half[:, None]
    offset = back @ (-2 * translation).unsqueeze(2)
    size = [len(images), 1, height, width]
    return F.affine_grid(torch.cat([back, offset], dim=2), size, align_corners=False)


def bend(grid: Tensor, displacement: Tensor) -> Tensor:
    """A grid with smoothly displaced positions.

    Args:
        grid: (batch, height, width, 2), see `affine_grid`.
        displacement: (batch, 2, points, points) at a lattice of points from corner to corner: across and
            down, as shares of the width and the height; bicubic between the points.
    """
    size = list(grid.shape[1:3])
    moves = F.interpolate(displacement, size=size, mode="bicubic", align_corners=True)
    return grid + 2 * moves.permute(0, 2, 3, 1)


def resample(images: Tensor, grid: Tensor) -> Tensor:
    """(batch, height, width) images with each pixel taken from its position in `grid`; 0 from outside."""
    return F.grid_sample(images.unsqueeze(1), grid, align_corners=False).squeeze(1)


# Larger values would turn an image past upside down, move all of it out, or flatten it to a line.
LIMITS = {
    "max_degrees": 180,
    "max_translation": 1,
    "max_scaling": 0.9,
    "max_shear": 80,
    "max_displacement": 1,
}


@dataclass(frozen=True)
class RandomAffine:
    """Distort each image of a batch by its own random amounts, uniform within the bounds on either side.

    Drawn from torch's global generator, which a resumed run restores.
    """

    max_degrees: float = 0.0  # rotation
    max_translation: float = 0.0  # share of the width and of the height
    max_scaling: float = 0.0  # 0.1: sizes from 0.9 to 1.1
    max_shear: float = 0.0  # degrees

    def __post_init__(self) -> None:
        for name, limit in LIMITS.items():
            value = getattr(self, name, 0)
            if not 0 <= value <= limit:
                raise ValueError(f"{name} must be from 0 to {limit}, got {value}")

    def __call__(self, images: Tensor) -> Tensor:
        """(batch, height, width) float, and the same out."""
        if not any((self.max_degrees, self.max_translation, self.max_scaling, self.max_shear)):
            return images
        return resample(images, self.grid(images))

    def grid(self, images: Tensor) -> Tensor:
        """A draw for each image; see `affine_grid`."""
        draws = torch.rand(len(images), 5, dtype=images.dtype, device=images.device) * 2 - 1
        return affine_grid(
            images,
            degrees=draws[:, 0] * self.max_degrees,
            translation=draws[:, 1:3] * self.max_translation,
            scaling=1 + draws[:, 3] * self.max_scaling,
            shear=draws[:, 4] * self.max_shear,
        )


@dataclass(frozen=True)
class RandomElastic(RandomAffine):
    """A random affine map and a random smooth bend of every image (after Simard et al., 2003), in one step.

    The displacements of a lattice of `points` by `points` points are uniform within `max_displacement`.
    """

    max_displacement: float = 0.05  # share of the width and of the height
    points: int = 5  # along each side; more points bend smaller areas

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.points < 2:
            raise ValueError(f"points must be at least 2, got {self.points}")

    def __call__(self, images: Tensor) -> Tensor:
        grid = self.grid(images)
        size = (len(images), 2, self.points, self.points)
        draws = torch.rand(size, dtype=images.dtype, device=images.device) * 2 - 1
        return resample(images, bend(grid, draws * self.max_displacement))

"""Random changes of training images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def affine(images: Tensor, degrees: Tensor, translation: Tensor, scaling: Tensor, shear: Tensor) -> Tensor:
    """Shear, scale and turn images about their centres, then move them; what comes from outside is 0.

    Args:
        images: (batch, height, width) float.
        degrees: (batch,) clockwise.
        translation: (batch, 2) to the right and down, as parts of the width and the height.
        scaling: (batch,) 1 keeps the size.
        shear: (batch,) degrees by which upright lines lean to the left.
    """
    height, width = images.shape[1:]
    angle, lean = degrees.deg2rad(), shear.deg2rad().tan()
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(lean), torch.ones_like(lean)
    turn = torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)
    slant = torch.stack([one, lean, zero, one], dim=1).view(-1, 2, 2)
    there = turn @ slant * scaling[:, None, None]  # pixels of the old image to pixels of the new one
    back = torch.linalg.inv(there)
    # grid_sample counts from -1 to 1 in both directions, whatever the shape of the image.
    half = torch.tensor([width, height], dtype=images.dtype, device=images.device) / 2
    back = back * half / half[:, None]
    offset = back @ (-2 * translation).unsqueeze(2)
    channels = images.unsqueeze(1)
    grid = F.affine_grid(torch.cat([back, offset], dim=2), list(channels.shape), align_corners=False)
    return F.grid_sample(channels, grid, align_corners=False).squeeze(1)


@dataclass(frozen=True)
class RandomAffine:
    """Change every image of a batch by its own draw, uniform within the bounds on either side.

    Drawn from torch's global generator, which a resumed run restores.
    """

    max_degrees: float = 0.0  # turning
    max_translation: float = 0.0  # part of the width and of the height
    max_scaling: float = 0.0  # 0.1: sizes from 0.9 to 1.1
    max_shear: float = 0.0  # degrees

    def __post_init__(self) -> None:
        limits = {"max_degrees": 360, "max_translation": 1, "max_scaling": 1, "max_shear": 90}
        for name, limit in limits.items():
            value = getattr(self, name)
            if not 0 <= value < limit:
                raise ValueError(f"{name} must be at least 0 and less than {limit}, got {value}")

    def __call__(self, images: Tensor) -> Tensor:
        """(batch, height, width) float, and the same out."""
        if not any((self.max_degrees, self.max_translation, self.max_scaling, self.max_shear)):
            return images
        draws = torch.rand(len(images), 5, dtype=images.dtype, device=images.device) * 2 - 1
        return affine(
            images,
            degrees=draws[:, 0] * self.max_degrees,
            translation=draws[:, 1:3] * self.max_translation,
            scaling=1 + draws[:, 3] * self.max_scaling,
            shear=draws[:, 4] * self.max_shear,
        )

"""Dropout whose mask is the same at every time step."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class LockedDropout(nn.Module):
    """Drop features of whole sequences (Gal and Ghahramani, 2016): what is dropped is so at every step.

    Args:
        share: of the features, in training.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, steps: Tensor) -> Tensor:
        """(batch, time, features) to the same."""
        if not self.training or self.share == 0:
            return steps
        mask = F.dropout(steps.new_ones(steps.shape[0], 1, steps.shape[2]), self.share)
        return steps * mask

    def extra_repr(self) -> str:
        return f"share={self.share}"

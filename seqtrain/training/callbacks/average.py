"""An average of the weights, which is evaluated and kept in their place."""

from __future__ import annotations

from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor


class WeightAverage(WeightAveraging):
    """Evaluates and keeps an exponential moving average of the weights.

    After n optimizer steps an average keeps min(decay, n / (n + 9)) of itself, so that it has forgotten the
    first weights after a short training, too. Buffers, such as frozen word vectors, are not averaged.

    Args:
        decay: that of a long training, from 0 to 1: with 0.999 about the last 1,000 steps count.
    """

    def __init__(self, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be at least 0 and below 1, got {decay}")

        def average(averaged: Tensor, current: Tensor, num_averaged: Tensor | int) -> Tensor:
            kept = num_averaged / (num_averaged + 9)
            kept = kept.clamp(max=decay) if isinstance(kept, Tensor) else min(kept, decay)
            return current + kept * (averaged - current)

        super().__init__(use_buffers=False, avg_fn=average)

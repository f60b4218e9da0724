"""An average of the weights, which is evaluated and kept in their place."""

from __future__ import annotations

from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor


class WeightAverage(WeightAveraging):
    """Evaluates and keeps an exponential moving average of the weights.

    At optimizer step n the average is kept by a factor of min(decay, n / (n + 9)), so that it forgets the
    first weights in a short training, too. Buffers, such as frozen word vectors, are not averaged.

    Args:
        decay: the factor in a long training, at least 0 and below 1: 0.999 averages over about 1,000 steps.
    """

    def __init__(self, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be at least 0 and below 1, got {decay}")

        def average(averaged: Tensor, current: Tensor, num_averaged: Tensor | int) -> Tensor:
            kept = num_averaged / (num_averaged + 9)
            kept = kept.clamp(max=decay) if isinstance(kept, Tensor) else min(kept, decay)
            return current + kept * (averaged - current)

        super().__init__(use_buffers=False, avg_fn=average)

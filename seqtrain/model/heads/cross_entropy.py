"""Scores that are taken through a softmax: their loss and their probabilities."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from seqtrain.records import IGNORED


def cross_entropy_sum(scores: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    # In float32 also under autocast: a sum over a batch leaves bfloat16 no digits.
    return F.cross_entropy(
        scores.float(), targets, ignore_index=IGNORED, reduction="sum", label_smoothing=label_smoothing
    )


def probability(scores: Tensor, answers: Tensor) -> Tensor:
    return scores.float().softmax(dim=-1).gather(-1, answers[..., None]).squeeze(-1)

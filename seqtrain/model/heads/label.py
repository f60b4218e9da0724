"""One class per sequence."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from seqtrain.model.heads.cross_entropy import cross_entropy_sum, probability
from seqtrain.records import valid_steps

Pooling: TypeAlias = Literal["last", "mean", "max"]


class LabelHead(nn.Module):
    """One class per sequence, from what the backbone made of it.

    Args:
        input_size: numbers of the backbone's summary, and per step of its states.
        num_targets: classes.
        dropout: share of these numbers that is dropped in training.
        label_smoothing: probability spread over all classes in the training loss (Szegedy et al., 2016).
        pooling: what stands for a sequence: `last`, the backbone's own summary, which for torch's layers is
            the final state of each direction; `mean` or `max` of each number over the sequence's steps.
    """

    def __init__(
        self,
        input_size: int,
        num_targets: int,
        dropout: float,
        label_smoothing: float,
        pooling: Pooling = "last",
    ) -> None:
        super().__init__()
        if pooling not in get_args(Pooling):
            raise ValueError(f"pooling must be one of {', '.join(get_args(Pooling))}, got {pooling!r}")
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(input_size, num_targets)
        self.label_smoothing = label_smoothing

    def forward(self, states: Tensor, summary: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, input_size) and (batch, input_size) to scores (batch, num_targets)."""
        pooled = summary if self.pooling == "last" else self._pool(states, lengths)
        scores: Tensor = self.linear(self.dropout(pooled))
        return scores

    def _pool(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, input_size)"""
        lengths = lengths.to(states.device)
        beyond = ~valid_steps(lengths, states.shape[1])
        if self.pooling == "mean":
            return states.masked_fill(beyond[..., None], 0.0).sum(dim=1) / lengths[:, None]
        return states.masked_fill(beyond[..., None], -torch.inf).amax(dim=1)

    def loss_sum(self, scores: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """Summed cross-entropy of the sequences, smoothed in training only."""
        return cross_entropy_sum(scores, targets, self.label_smoothing if self.training else 0.0)

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """(batch,) the likeliest class of each sequence."""
        return scores.argmax(dim=-1)

    def confidences(self, scores: Tensor, answers: Tensor, lengths: Tensor) -> Tensor:
        """(batch,) the probability of each answer."""
        return probability(scores, answers)

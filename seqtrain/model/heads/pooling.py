"""A whole sequence as one vector: the backbone's summary, or a mean or maximum of its states."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from seqtrain.records import valid_steps

Pooling: TypeAlias = Literal["last", "mean", "max"]


def check_pooling(pooling: str) -> None:
    if pooling not in get_args(Pooling):
        raise ValueError(f"pooling must be one of {', '.join(get_args(Pooling))}, got {pooling!r}")


def pool(pooling: Pooling, states: Tensor, summary: Tensor, lengths: Tensor) -> Tensor:
    """(batch, size): `last` is the summary, `mean` and `max` are of each number over the sequence's steps."""
    if pooling == "last":
        return summary
    lengths = lengths.to(states.device)
    beyond = ~valid_steps(lengths, states.shape[1])[..., None]
    if pooling == "mean":
        return states.masked_fill(beyond, 0.0).sum(dim=1) / lengths[:, None]
    return states.masked_fill(beyond, -torch.inf).amax(dim=1)


def shares_of_maxima(states: Tensor, lengths: Tensor) -> Tensor:
    """(batch, time) the share of the numbers of a sequence that have their maximum at each step."""
    lengths = lengths.to(states.device)
    beyond = ~valid_steps(lengths, states.shape[1])[..., None]
    where = states.masked_fill(beyond, -torch.inf).argmax(dim=1)
    counts = states.new_zeros(states.shape[:2], dtype=torch.float32)
    return counts.scatter_add_(1, where, torch.ones_like(where, dtype=torch.float32)) / states.shape[2]


class AttentionPooling(nn.Module):
    """A weighted mean of the states of a sequence, whose weights are learnt (Yang et al., 2016).

    The weight of a step is the softmax, over the steps of its sequence, of `v . tanh(W h + b)`.

    Args:
        size: numbers per step, and of `W h + b`.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, size)
        self.query = nn.Linear(size, 1, bias=False)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, size) to (batch, size)"""
        return (self.weights(states, lengths)[..., None] * states).sum(dim=1)

    def weights(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time), zero beyond a sequence's length; those of a sequence sum to 1."""
        scores: Tensor = self.query(torch.tanh(self.linear(states))).squeeze(-1).float()
        valid = valid_steps(lengths.to(states.device), states.shape[1])
        return scores.masked_fill(~valid, -torch.inf).softmax(dim=1)

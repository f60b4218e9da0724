"""What stands for a whole sequence: the backbone's summary, or its states taken together."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

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

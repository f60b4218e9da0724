"""The parts of a data set that come without files of their own."""

from __future__ import annotations

import torch
from torch import Tensor

EVERY = 10


def hold_out(num_sequences: int, offset: int = 0) -> Tensor:
    """(num_sequences,) bool: every tenth sequence, at least one; `offset` from 0 to 9 shifts the choice.

    The choice depends on nothing else, so that runs can be compared.
    """
    last = max(min(EVERY, num_sequences) - 1 - offset, 0)
    chosen = torch.zeros(num_sequences, dtype=torch.bool)
    chosen[last::EVERY] = True
    return chosen

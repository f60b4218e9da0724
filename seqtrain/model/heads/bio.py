"""Which tags may follow each other where B-X begins a span of the type X and I-X continues it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def illegal_bio(names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """What BIO forbids: I-X after anything but B-X and I-X, and at the start.

    Returns:
        (names, names) bool, true where the tag of the column must not follow the tag of the row; and (names,)
        bool, true for tags that must not come first.
    """
    starts = [name.startswith("I-") for name in names]
    transitions = [
        [illegal and before[2:] != name[2:] for name, illegal in zip(names, starts, strict=True)]
        for before in names
    ]
    return torch.tensor(transitions), torch.tensor(starts)

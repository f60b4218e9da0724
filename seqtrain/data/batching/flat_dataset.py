"""Sequences of vectors of any length, held one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seqtrain.records import IGNORED, SequenceBatch, valid_steps


@dataclass(frozen=True)
class FlatDataset:
    """Sequences of vectors, with a class for each, a class for each of their time steps, or none."""

    inputs: Tensor  # (time steps of all sequences, features) float
    lengths: Tensor  # (sequences,) int64
    targets: Tensor | None = None  # (sequences,), or (time steps of all sequences,), int64
    has_target_per_step: bool = False
    _starts: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", self.lengths.cumsum(0) - self.lengths)

    def batch(self, indices: Tensor | Sequence[int]) -> SequenceBatch:
        indices = torch.as_tensor(indices)
        lengths = self.lengths[indices]
        valid = valid_steps(lengths, int(lengths.max()))
        places = (self._starts[indices, None] + torch.arange(valid.shape[1]))[valid]
        inputs = self.inputs.new_zeros(*valid.shape, self.inputs.shape[1])
        inputs[valid] = self.inputs[places]
        if self.targets is None or not self.has_target_per_step:
            return SequenceBatch(inputs, lengths, None if self.targets is None else self.targets[indices])
        targets = self.targets.new_full(valid.shape, IGNORED)
        targets[valid] = self.targets[places]
        return SequenceBatch(inputs, lengths, targets)

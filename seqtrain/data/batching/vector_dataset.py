"""Sequences of vectors with a class for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.records import SequenceBatch


@dataclass(frozen=True)
class VectorDataset:
    """Sequences held as one tensor, (num_sequences, time, features), padded behind `lengths`.

    With a `transform`, `inputs` may hold anything that it converts to (batch, time, features) float, such as
    the bytes of images. It is applied to the rows of a batch, so it may also make random changes.
    """

    inputs: Tensor
    lengths: Tensor  # (num_sequences,) int64
    targets: Tensor | None = None  # (num_sequences,) int64
    transform: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        for name, value in (("lengths", self.lengths), ("targets", self.targets)):
            if value is not None and value.shape != self.inputs.shape[:1]:
                raise ValueError(
                    f"{name} must have one entry for each of the {len(self.inputs)} sequences,"
                    f" got the shape {tuple(value.shape)}"
                )

    def batch(self, indices: Tensor | Sequence[int]) -> SequenceBatch:
        indices = torch.as_tensor(indices)
        lengths = self.lengths[indices]
        inputs = self.inputs[indices]
        if self.transform is not None:
            inputs = self.transform(inputs)
        targets = None if self.targets is None else self.targets[indices]
        return SequenceBatch(inputs[:, : int(lengths.max())], lengths, targets)

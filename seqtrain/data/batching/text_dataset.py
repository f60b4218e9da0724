"""Texts as the ids of their tokens, with a class for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.data.batching.datasets import Flat, pad
from seqtrain.data.tokens import split_text, visible
from seqtrain.records import UNKNOWN, SequenceBatch
from seqtrain.spec import TokenInputs


@dataclass(frozen=True)
class TextDataset(Flat):
    """Texts of characters or words, with or without a class for each."""

    tokens: Tensor  # (tokens of all texts,) ids
    lengths: Tensor  # (texts,) tokens of each
    inputs: TokenInputs
    targets: Tensor | None = None  # (texts,)

    @classmethod
    def encode(cls, inputs: TokenInputs, texts: Sequence[str], targets: Tensor | None = None) -> TextDataset:
        """Texts, none of which is empty."""
        index = inputs.tokens.index()
        tokens = [split_text(text, inputs.unit) for text in texts]
        ids = torch.tensor([index.get(each, UNKNOWN) for text in tokens for each in text])
        return cls(ids, torch.tensor(list(map(len, tokens))), inputs, targets)

    def words(self, index: int) -> list[str]:
        """The tokens of one text, with signs for what cannot be seen."""
        start = int(self.starts[index])
        ids = self.tokens[start : start + int(self.lengths[index])].tolist()
        return [visible(self.inputs.tokens.name(number)) for number in ids]

    def batch(self, indices: Tensor | Sequence[int]) -> SequenceBatch:
        indices = torch.as_tensor(indices)
        lengths, rows, valid = self.locate(indices)
        targets = None if self.targets is None else self.targets[indices]
        return SequenceBatch(pad(self.tokens[rows], valid, 0), lengths, targets)

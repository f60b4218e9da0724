"""Tokens as trained vectors."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from seqtrain.model.locked_dropout import LockedDropout
from seqtrain.spec import DataSpec, TokenInputs


class TokenEncoder(nn.Module):
    """An embedding of each token.

    Args:
        spec: whose inputs are `TokenInputs`.
        size: numbers of an embedding.
        dropout: share of the features that is dropped in training, the same at every step of a sequence.
        token_dropout: share of the tokens of the vocabulary whose embedding is zero in a training batch,
            wherever they occur (Gal and Ghahramani, 2016).
    """

    def __init__(self, spec: DataSpec, size: int, dropout: float, token_dropout: float = 0.0) -> None:
        super().__init__()
        if not isinstance(spec.inputs, TokenInputs):
            kind = type(spec.inputs).__name__
            raise ValueError(f"TokenEncoder needs data that holds tokens (TokenInputs), got {kind}")
        self.output_size = size
        self.embedding = nn.Embedding(len(spec.inputs.tokens), size, padding_idx=0)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.dropout = LockedDropout(dropout)
        self.token_dropout = token_dropout

    def forward(self, inputs: Tensor) -> Tensor:
        """Ids (batch, time) to features (batch, time, size)."""
        weight = self.embedding.weight
        if self.training and self.token_dropout:
            weight = weight * F.dropout(weight.new_ones(len(weight), 1), self.token_dropout)
        features: Tensor = self.dropout(F.embedding(inputs, weight, padding_idx=0))
        return features

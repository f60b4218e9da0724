"""Classes by a softmax: one per sequence, one per time step, or the next token of a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqtrain.model.encoder import LockedDropout
from seqtrain.model.heads.pooling import AttentionPooling, Pooling, check_pooling, pool, shares_of_maxima
from seqtrain.records import IGNORED
from seqtrain.spec import SequenceClasses


class _SoftmaxHead(nn.Module):
    """A class for each row of scores (..., num_targets), independently of the others."""

    def __init__(self, input_size: int, num_targets: int, dropout: float, label_smoothing: float) -> None:
        super().__init__()
        self.dropout: nn.Module = nn.Dropout(dropout)
        self.linear = nn.Linear(input_size, num_targets)
        self.label_smoothing = label_smoothing

    def loss_sum(self, scores: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """The cross-entropy summed over all positions with a target, smoothed in training only."""
        smoothing = self.label_smoothing if self.training else 0.0
        return cross_entropy_sum(scores.flatten(0, -2), targets.flatten(), smoothing)

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """(...) the likeliest class of each row of scores."""
        return scores.argmax(dim=-1)

    def probabilities(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """(..., num_targets) the probability of each class."""
        return scores.float().softmax(dim=-1)

    def confidences(self, scores: Tensor, answers: Tensor, lengths: Tensor) -> Tensor:
        """(...) the probability of each answer."""
        return self.probabilities(scores, lengths).gather(-1, answers[..., None]).squeeze(-1)


class LabelHead(_SoftmaxHead):
    """One class per sequence, from the backbone's summary or its pooled states.

    Args:
        input_size: numbers of the backbone's summary, and per step of its states.
        num_targets: classes.
        dropout: share of these numbers that is dropped in training.
        label_smoothing: probability spread over all classes in the training loss (Szegedy et al., 2016).
        pooling: how a sequence becomes one vector: `last`, the backbone's own summary, which for torch's
            layers is the final state of each direction; `mean` or `max` of each number over the sequence's
            steps; `attention`, see `AttentionPooling`.
        class_weights: factors of the loss in training by the names of classes, 1 for the others; `balanced`
            for factors by which all classes together count alike, however frequent they are in train.

    Attributes:
        attention: the attention pooling, whose `weights` can be read; None with another pooling.
    """

    def __init__(
        self,
        input_size: int,
        num_targets: int,
        dropout: float,
        label_smoothing: float,
        pooling: Pooling | Literal["attention"] = "last",
        class_weights: Mapping[str, float] | Literal["balanced"] | None = None,
    ) -> None:
        super().__init__(input_size, num_targets, dropout, label_smoothing)
        self.attention: AttentionPooling | None = None
        if pooling == "attention":
            self.attention = AttentionPooling(input_size)
        else:
            check_pooling(pooling)
        self.pooling = pooling
        self.class_weights = class_weights
        self.factors: Tensor | None
        self.register_buffer("factors", None, persistent=False)

    def weigh(self, targets: SequenceClasses) -> None:
        """Set the factors of the classes that `class_weights` asks for.

        Raises:
            ValueError: it names an unknown class, or it is not known how frequent the classes are.
        """
        names, given = targets.names, self.class_weights
        if given is None:
            return
        if given == "balanced":
            if targets.counts is None:
                raise ValueError(
                    "class_weights: this data does not say how frequent its classes are; give null"
                )
            counts = torch.tensor(targets.counts, dtype=torch.float32)
            self.factors = torch.where(counts > 0, counts.sum() / (counts > 0).sum() / counts, 1.0)
            return
        assert isinstance(given, Mapping)
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ValueError(f"class_weights: there is no class {unknown[0]!r}; there are {', '.join(names)}")
        self.factors = torch.tensor([float(given.get(name, 1.0)) for name in names])

    def forward(self, states: Tensor, summary: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, input_size) and (batch, input_size) to scores (batch, num_targets)."""
        if self.attention is not None:
            pooled = self.attention(states, lengths)
        else:
            assert self.pooling != "attention"
            pooled = pool(self.pooling, states, summary, lengths)
        scores: Tensor = self.linear(self.dropout(pooled))
        return scores

    def step_weights(self, states: Tensor, lengths: Tensor) -> Tensor | None:
        """(batch, time) the weight of each step in the pooled vector of its sequence, zero beyond its length.

        For attention these are its weights, for `max` the share of the numbers that come from the step; None
        for other poolings, which do not choose steps.
        """
        if self.attention is not None:
            return self.attention.weights(states, lengths)
        return shares_of_maxima(states, lengths) if self.pooling == "max" else None

    def loss_sum(self, scores: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """The cross-entropy summed over the sequences, smoothed and weighted in training only."""
        if not self.training:
            return cross_entropy_sum(scores, targets, 0.0)
        return cross_entropy_sum(scores, targets, self.label_smoothing, self.factors)


class TagHead(_SoftmaxHead):
    """A tag per step, independently of the others.

    Args:
        input_size: numbers per step of the backbone's states.
        num_targets: tags.
        dropout: share of the states that is dropped in training.
        label_smoothing: probability spread over all tags in the training loss (Szegedy et al., 2016).
    """

    def forward(self, states: Tensor, summary: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, input_size) to scores (batch, time, num_targets)."""
        scores: Tensor = self.linear(self.dropout(states))
        return scores


class NextTokenHead(_SoftmaxHead):
    """A score for each token of the vocabulary, at each step.

    Args:
        input_size: numbers per step of the backbone's states.
        num_targets: tokens.
        dropout: share of the states that is dropped in training, the same at every step of a sequence.
        label_smoothing: probability spread over all tokens in the training loss.
        tied: whether the embedding of the tokens is the weight of the output layer, too (Press and Wolf,
            2017; Inan et al., 2017), after a linear map to its size where the states have another; see `tie`.
    """

    def __init__(
        self, input_size: int, num_targets: int, dropout: float, label_smoothing: float, tied: bool = False
    ) -> None:
        super().__init__(input_size, num_targets, 0.0, label_smoothing)
        self.dropout = LockedDropout(dropout)
        self.projection: nn.Module = nn.Identity()
        self.tied = tied

    def tie(self, encoder: nn.Module) -> None:
        """Use the weights of the encoder's embedding, (tokens, size), where `tied` asks for it.

        Raises:
            ValueError: the encoder has none for these tokens.
        """
        if not self.tied:
            return
        embedding = getattr(encoder, "embedding", None)
        if not isinstance(embedding, nn.Embedding) or embedding.num_embeddings != self.linear.out_features:
            raise ValueError(
                f"{type(encoder).__name__} has no embedding of these tokens; give head.tied=false"
            )
        input_size, size = self.linear.in_features, embedding.embedding_dim
        if input_size != size:
            self.projection = nn.Linear(input_size, size)
            self.linear.in_features = size
        self.linear.weight = embedding.weight
        nn.init.zeros_(self.linear.bias)

    def forward(self, states: Tensor, summary: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, input_size) to scores (batch, time, num_targets)."""
        scores: Tensor = self.linear(self.projection(self.dropout(states)))
        return scores


def cross_entropy_sum(
    scores: Tensor, targets: Tensor, label_smoothing: float, weight: Tensor | None = None
) -> Tensor:
    """() the loss of scores (rows, num_targets), summed over the rows whose target is not IGNORED."""
    # In float32, under autocast, too: a sum over a batch leaves bfloat16 no digits.
    return F.cross_entropy(
        scores.float(),
        targets,
        weight,
        ignore_index=IGNORED,
        reduction="sum",
        label_smoothing=label_smoothing,
    )

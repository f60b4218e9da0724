"""One tag per time step, each by itself."""

from __future__ import annotations

from torch import Tensor, nn

from seqtrain.model.heads.cross_entropy import cross_entropy_sum, probability


class TagHead(nn.Module):
    """A tag per step, each by itself.

    Args:
        input_size: numbers per step of the backbone's states.
        num_targets: tags.
        dropout: share of the states that is dropped in training.
        label_smoothing: probability spread over all tags in the training loss (Szegedy et al., 2016).
    """

    def __init__(self, input_size: int, num_targets: int, dropout: float, label_smoothing: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(input_size, num_targets)
        self.label_smoothing = label_smoothing

    def forward(self, states: Tensor, summary: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, input_size) to scores (batch, time, num_targets)."""
        scores: Tensor = self.linear(self.dropout(states))
        return scores

    def loss_sum(self, scores: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """Summed cross-entropy over the steps that have a target, smoothed in training only."""
        smoothing = self.label_smoothing if self.training else 0.0
        return cross_entropy_sum(scores.flatten(0, 1), targets.flatten(), smoothing)

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time) the likeliest tag of each step."""
        return scores.argmax(dim=-1)

    def confidences(self, scores: Tensor, answers: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time) the probability of each answer."""
        return probability(scores, answers)

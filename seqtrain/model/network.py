"""The network: an encoder, a backbone and a head in sequence."""

from __future__ import annotations

from typing import Protocol, cast

from torch import Tensor, nn

from seqtrain.model.backbone import Backbone
from seqtrain.records import FinalState, SequenceBatch


class Head(Protocol):
    """What is asked of a head, beside its `forward`."""

    def loss_sum(self, scores: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """The loss summed over valid positions."""

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """The chosen targets."""

    def confidences(self, scores: Tensor, answers: Tensor, lengths: Tensor) -> Tensor:
        """The probabilities of chosen targets."""


class Network(nn.Module):
    """Maps a batch to scores and to the final state of the recurrence.

    Args:
        encoder: inputs of a batch to (batch, time, features).
        backbone: a module that is a Backbone.
        head: a module that makes scores of states and final state, and is a Head.
    """

    def __init__(self, encoder: nn.Module, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.backbone = backbone
        self.head = head

    def forward(self, batch: SequenceBatch) -> tuple[Tensor, tuple[FinalState]]:
        """The head's scores and the final state of the backbone, in a tuple as an ensemble's are."""
        features = self.encoder(batch.inputs)
        states, final_state = cast(Backbone, self.backbone)(features, batch.lengths)
        return self.head(states, final_state, batch.lengths), (final_state,)

    def training_loss(self, batch: SequenceBatch) -> tuple[Tensor, tuple[FinalState]]:
        """The training loss, summed over valid positions, and the final state."""
        scores, final_states = self(batch)
        return self.loss_sum(scores, batch), final_states

    def loss_sum(self, scores: Tensor, batch: SequenceBatch) -> Tensor:
        """The head's loss of scores, summed over valid positions.

        Raises:
            ValueError: the batch has no targets.
        """
        if batch.targets is None:
            raise ValueError("the batch has no targets to learn from")
        return cast(Head, self.head).loss_sum(scores, batch.targets, batch.lengths)

    @property
    def num_parameters(self) -> int:
        """Trainable numbers."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

"""The network: an encoder, a backbone and a head in sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

from torch import Tensor, nn

from seqtrain.model.backbone import Backbone, check_backbone
from seqtrain.records import BackboneOutput, SequenceBatch


class Head(Protocol):
    """What Network asks of a head."""

    def __call__(self, states: Tensor, summary: Tensor, lengths: Tensor) -> Tensor:
        """Scores from what a backbone returns; see `seqtrain.records.BackboneOutput`."""

    def loss_sum(self, scores: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """The loss summed over valid positions."""

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """The chosen targets."""

    def confidences(self, scores: Tensor, answers: Tensor, lengths: Tensor) -> Tensor:
        """The probabilities of chosen targets, shaped like them; only asked for where they are classes."""

    def probabilities(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """The probability of every class, (..., num_targets); only asked for by metrics that want them."""


class Network(nn.Module):
    """Maps a batch to scores and to the final state of the recurrence.

    Args:
        encoder: inputs of a batch to (batch, time, features).
        backbone: a module that follows the protocol Backbone.
        head: a module that follows the protocol Head.

    Raises:
        ValueError: what the backbone returns is not what a Backbone returns; see `check_backbone`.
    """

    def __init__(self, encoder: nn.Module, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        check_backbone(backbone, cast(Any, encoder).output_size)
        self.encoder = encoder
        self.backbone = backbone
        self.head = head

    def forward(
        self, batch: SequenceBatch, state: Sequence[Any] | None = None
    ) -> tuple[Tensor, tuple[BackboneOutput]]:
        """Run over a batch.

        Args:
            batch: the sequences.
            state: the state to start from, as one entry: `(output.final_state,)` of an earlier output; zeros
                by default. An ensemble has an entry for each member.

        Returns:
            The head's scores; and what the backbone returned (states of every time step, summary of each
            sequence, final state) as one entry, where an ensemble has one for each member.
        """
        (initial,) = (None,) if state is None else state
        features = self.encoder(batch.inputs)
        output = BackboneOutput(*cast(Backbone, self.backbone)(features, batch.lengths, initial))
        return self.head(output.states, output.summary, batch.lengths), (output,)

    def training_loss(
        self, batch: SequenceBatch, state: Sequence[Any] | None = None
    ) -> tuple[Tensor, tuple[BackboneOutput]]:
        """The training loss, summed over valid positions, and what the backbone returned; see `forward`."""
        scores, outputs = self(batch, state)
        return self.loss_sum(scores, batch), outputs

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
        """The number of trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

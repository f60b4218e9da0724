"""The network: encoder, backbone and head in a row."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from seqtrain.batch import SequenceBatch
from seqtrain.model.backbone import Backbone, FinalState


class SequenceModel(nn.Module):
    """Scores for a batch, and the final state on the way.

    Args:
        encoder: inputs of a batch to (batch, time, features).
        backbone: a module that is a Backbone.
        head: states and final state to scores, with `loss_sum`, `decode` and `confidences`.
    """

    def __init__(self, encoder: nn.Module, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.backbone = backbone
        self.head = head

    def forward(self, batch: SequenceBatch) -> tuple[Tensor, FinalState]:
        """Scores as the head gives them, and the final state of every layer and direction."""
        features = self.encoder(batch.inputs)
        states, final_state = cast(Backbone, self.backbone)(features, batch.lengths)
        return self.head(states, final_state, batch.lengths), final_state

    @property
    def num_parameters(self) -> int:
        """Trainable numbers."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

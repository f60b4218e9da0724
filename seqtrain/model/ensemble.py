"""Several networks that answer as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from seqtrain.model.network import Network
from seqtrain.records import FinalState, SequenceBatch


class Ensemble(nn.Module):
    """Networks of one make that learn side by side, each by itself, and answer by the mean of their
    probabilities (Lakshminarayanan et al., 2017): they differ in their first weights and their dropout.

    Args:
        members: two or more, whose heads give scores to be taken through a softmax.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def encoder(self) -> nn.Module:
        """That of the first member."""
        return self._first.encoder

    @property
    def backbone(self) -> nn.Module:
        """That of the first member."""
        return self._first.backbone

    @property
    def head(self) -> nn.Module:
        """That of the first member, which reads answers from the scores of all."""
        return self._first.head

    @property
    def num_parameters(self) -> int:
        """Trainable numbers of all members."""
        return sum(member.num_parameters for member in self._networks)

    def forward(self, batch: SequenceBatch) -> tuple[Tensor, tuple[FinalState, ...]]:
        """Logarithms of the mean probabilities, and the final state of each member."""
        scores, finals = zip(*(member(batch) for member in self._networks), strict=True)
        return mean_of(scores), tuple(final for (final,) in finals)

    def training_loss(self, batch: SequenceBatch) -> tuple[Tensor, tuple[FinalState, ...]]:
        """The mean of the members' own losses; see `Network.training_loss`."""
        losses, finals = zip(*(member.training_loss(batch) for member in self._networks), strict=True)
        return torch.stack(losses).mean(), tuple(final for (final,) in finals)

    def loss_sum(self, scores: Tensor, batch: SequenceBatch) -> Tensor:
        """The loss of the common scores; see `Network.loss_sum`."""
        return self._first.loss_sum(scores, batch)

    @property
    def _networks(self) -> list[Network]:
        return cast(list[Network], list(self.members))

    @property
    def _first(self) -> Network:
        return self._networks[0]


def mean_of(scores: Sequence[Tensor]) -> Tensor:
    """Logarithms of the mean of several softmaxes, in float32 also under autocast."""
    logarithms = torch.stack([each.float().log_softmax(dim=-1) for each in scores])
    return logarithms.logsumexp(dim=0) - math.log(len(scores))

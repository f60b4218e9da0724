"""Several networks that answer as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from seqtrain.model.network import Network
from seqtrain.records import BackboneOutput, SequenceBatch


class Ensemble(nn.Module):
    """Networks of the same architecture, each trained on its own loss, that answer with the mean of their
    probabilities (Lakshminarayanan et al., 2017): they differ in their first weights and their dropout.

    Args:
        members: two or more networks, whose heads give scores for a softmax, or have a method `mean_of`,
            which combines the scores of all members.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def encoder(self) -> nn.Module:
        """The encoder of the first member."""
        return self._first.encoder

    @property
    def backbone(self) -> nn.Module:
        """The backbone of the first member."""
        return self._first.backbone

    @property
    def head(self) -> nn.Module:
        """The head of the first member, which decodes the common scores."""
        return self._first.head

    @property
    def num_parameters(self) -> int:
        """The number of trainable parameters of all members."""
        return sum(member.num_parameters for member in self._networks)

    def forward(
        self, batch: SequenceBatch, state: Sequence[Any] | None = None
    ) -> tuple[Tensor, tuple[BackboneOutput, ...]]:
        """The common scores, by default logarithms of the mean probabilities, and each backbone's output.

        `state` has an initial state for each member; zeros by default.
        """
        calls = zip(self._networks, self._states(state), strict=True)
        scores, outputs = zip(*(member(batch, own) for member, own in calls), strict=True)
        return mean_of(scores, self.head), tuple(output for (output,) in outputs)

    def training_loss(
        self, batch: SequenceBatch, state: Sequence[Any] | None = None
    ) -> tuple[Tensor, tuple[BackboneOutput, ...]]:
        """The mean of the members' own losses; see `Network.training_loss`."""
        calls = zip(self._networks, self._states(state), strict=True)
        losses, outputs = zip(*(member.training_loss(batch, own) for member, own in calls), strict=True)
        return torch.stack(losses).mean(), tuple(output for (output,) in outputs)

    def loss_sum(self, scores: Tensor, batch: SequenceBatch) -> Tensor:
        """The loss of the common scores; see `Network.loss_sum`."""
        return self._first.loss_sum(scores, batch)

    def _states(self, state: Sequence[Any] | None) -> list[Any]:
        """What each member takes as its `state`."""
        return [None] * len(self.members) if state is None else [(own,) for own in state]

    @property
    def _networks(self) -> list[Network]:
        return cast(list[Network], list(self.members))

    @property
    def _first(self) -> Network:
        return self._networks[0]


def first_member(network: Network | Ensemble) -> Network:
    """The first member of an ensemble, or the network itself."""
    return cast(Network, network.members[0]) if isinstance(network, Ensemble) else network


def mean_of(scores: Sequence[Tensor], head: nn.Module) -> Tensor:
    """The common scores of several heads like this one: by default logarithms of the mean of their softmaxes.

    They are in float32, under autocast, too.
    """
    if hasattr(head, "mean_of"):
        return cast(Tensor, cast(Any, head).mean_of(scores))
    logarithms = torch.stack([each.float().log_softmax(dim=-1) for each in scores])
    return logarithms.logsumexp(dim=0) - math.log(len(scores))

"""How far back the loss of one step reaches, which the loss of all steps together hides.

A tagger has a loss at every step, so that the gradient of their sum is large at every state, whatever the
recurrence carries. Here the loss is that of the step at which a direction arrives last.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from seqtrain.model.network import Network
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.recurrence.trace import Trace
from seqtrain.telemetry.gradients import mean_by_step, reverse
from seqtrain.telemetry.places import name_place

FADED = 1e-4  # a gradient below this share of that at the loss itself has vanished, as for the warning


def norms_by_distance(
    network: Network, batch: SequenceBatch, traced: Trace, norms: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The norm of dL/dh by place: (batch, time), column k is k steps before the last step of the direction.

    L is the loss of the sequence where it has one target, and with a target for every step the cross-entropy
    of the step at which the direction arrives last: the last one for forward, the first one for backward.

    Args:
        network: whose backbone was traced.
        batch: that was traced.
        traced: with its graph.
        norms: of the loss of all steps, see `gradient_norms`.
    """
    assert batch.targets is not None
    if batch.targets.ndim == 1:
        return {place: reverse(by_step, batch.lengths) for place, by_step in norms.items()}
    scores = network.head(traced.output, traced.summary, batch.lengths).float()
    ends = (batch.lengths - 1, torch.zeros_like(batch.lengths))
    by_place: dict[str, Tensor] = {}
    for direction in range(len(traced.layers[0])):
        gradients = traced.state_gradients(_loss_of_step(scores, batch.targets, ends[direction]))
        for layer, directions in enumerate(gradients):
            by_step = directions[direction].h.norm(dim=2)
            distances = reverse(by_step, batch.lengths) if direction == 0 else by_step
            by_place[name_place(layer, direction)] = distances
    return {place: by_place[place] for place in norms}  # in their order


def has_loss_at_one_step(network: Network) -> bool:
    """Whether the loss of `norms_by_distance` acts on one state of each direction.

    A head that pools over time sends a gradient to every state, whatever the recurrence carries.
    """
    return getattr(network.head, "pooling", "last") == "last"


def reach_statistics(norms: dict[str, Tensor], lengths: Tensor) -> dict[str, float]:
    """`layer0/forward/reach`: the distance at which 1e-4 of the mean norm at the loss is left.

    Where more is left throughout, it is the length of the longest sequence; 0 without any gradient, nan where
    one is not finite.
    """
    return {f"{place}/reach": _reach(mean_by_step(by_step, lengths)) for place, by_step in norms.items()}


def growth_statistics(norms: dict[str, Tensor], lengths: Tensor) -> dict[str, float]:
    """`layer0/forward/growth`: the largest mean norm at any distance by that at the loss itself.

    1 where gradients only shrink on their way back; 0 without any gradient at the loss.
    """
    return {f"{place}/growth": _growth(mean_by_step(by_step, lengths)) for place, by_step in norms.items()}


def _growth(means: Tensor) -> float:
    return float(means.max() / means[0]) if means[0] > 0 else 0.0


def _reach(means: Tensor) -> float:
    if not means.isfinite().all():
        return float("nan")
    faded = (means <= FADED * means[0]).nonzero()
    return float(faded[0]) if len(faded) else float(len(means))


def _loss_of_step(scores: Tensor, targets: Tensor, steps: Tensor) -> Tensor:
    """The cross-entropy of one step of each sequence, summed: (batch, time, tags) and (batch,) to ()."""
    rows, steps = torch.arange(len(steps), device=scores.device), steps.to(scores.device)
    return F.cross_entropy(scores[rows, steps], targets[rows, steps], ignore_index=IGNORED, reduction="sum")

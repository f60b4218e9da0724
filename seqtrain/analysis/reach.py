"""The gradient through time: how much of a loss reaches the states so many steps before it.

Figures, numbers and warnings of TensorBoard and the page of `inspect` have it from here, by one definition:

- for one target a sequence, L is the loss of the sequence, which acts at the end of each direction's walk;
- with a target for each step, L is the cross-entropy of a single one, that at which the direction arrives
  last of those that have a target: the last word for forward, the first for backward. The gradient of the
  loss of all steps together would be large at every state, whatever the recurrence carries;
- the number at k steps is the norm of dL/dh, k steps before the loss, as an arithmetic mean over the
  sequences that have as many steps before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from seqtrain.analysis.gradients import mean_by_step, reverse
from seqtrain.analysis.places import name_place
from seqtrain.model.network import Network
from seqtrain.records import IGNORED, SequenceBatch, valid_steps
from seqtrain.recurrence.trace import Trace

FADED = 1e-4  # a gradient below this share of that at the loss itself has vanished, as for the warning


class Distances(NamedTuple):
    """The norms of dL/dh of one layer and direction.

    `norms` (batch, time): column k is k steps before the loss, zero where the sequence has no such step.
    `num_steps` (batch,), on the CPU: how many steps each sequence has up to the loss, that of the loss
    included; 0 without a target.
    """

    norms: Tensor
    num_steps: Tensor


def norms_by_distance(
    network: Network, batch: SequenceBatch, traced: Trace, norms: Mapping[str, Tensor]
) -> dict[str, Distances]:
    """The norms of dL/dh by place and by distance from the loss L of the definition above.

    Args:
        network: whose backbone was traced.
        batch: that was traced, with targets.
        traced: with its graph.
        norms: of the loss of all steps, see `gradient_norms`.
    """
    assert batch.targets is not None
    if batch.targets.ndim == 2 and batch.targets.is_floating_point():
        return {}  # not defined for numbers: the loss of a single step is that of the head alone
    if batch.targets.ndim == 1:
        num_steps = torch.where(batch.targets.cpu() == IGNORED, 0, batch.lengths)
        return {
            place: Distances(reverse(by_step, batch.lengths), num_steps) for place, by_step in norms.items()
        }
    scores = network.head(traced.output, traced.summary, batch.lengths).float()
    by_place: dict[str, Distances] = {}
    for direction in range(len(traced.layers[0])):
        ends, num_steps = _loss_steps(batch.targets.cpu(), batch.lengths, direction)
        gradients = traced.state_gradients(_loss_of_step(scores, batch.targets, ends))
        for layer, directions in enumerate(gradients):
            by_step = directions[direction].h.norm(dim=2)
            by_place[name_place(layer, direction)] = Distances(
                _count_from(by_step, ends, num_steps, direction), num_steps
            )
    return {place: by_place[place] for place in norms}  # in their order


def gradient_through_time(distances: Distances) -> Tensor:
    """The mean norm of one layer and direction, (steps,): element k is k steps before the loss.

    There are as many steps as the sequence has that has the most, none where no sequence has a target.
    """
    return mean_by_step(distances.norms, distances.num_steps)[: int(distances.num_steps.max())]


def has_loss_at_one_step(network: Network) -> bool:
    """Whether the loss of `norms_by_distance` acts on one state of each direction.

    A head that pools over time sends a gradient to every state, whatever the recurrence carries.
    """
    return getattr(network.head, "pooling", "last") == "last"


def reach_statistics(means: Mapping[str, Tensor]) -> dict[str, float]:
    """`layer0/forward/reach`: the distance at which 1e-4 of the mean norm at the loss is left.

    Where more is left throughout, it is the length of the longest sequence; 0 without any gradient, nan where
    one is not finite.

    Args:
        means: by place, see `gradient_through_time`.
    """
    return {f"{place}/reach": _reach(by_step) for place, by_step in means.items()}


def growth_statistics(means: Mapping[str, Tensor]) -> dict[str, float]:
    """`layer0/forward/growth`: the largest mean norm at any distance by that at the loss itself.

    1 where gradients only shrink on their way back; 0 without any gradient at the loss.

    Args:
        means: by place, see `gradient_through_time`.
    """
    return {f"{place}/growth": _growth(by_step) for place, by_step in means.items()}


def _growth(means: Tensor) -> float:
    return float(means.max() / means[0]) if len(means) and means[0] > 0 else 0.0


def _reach(means: Tensor) -> float:
    if not means.isfinite().all():
        return float("nan")
    faded = (means <= FADED * means[:1]).nonzero()
    return float(faded[0]) if len(faded) else float(len(means))


def _loss_steps(targets: Tensor, lengths: Tensor, direction: int) -> tuple[Tensor, Tensor]:
    """The last step with a target in a direction's walk, and the number of steps up to it: (batch,) each."""
    has_target = (targets != IGNORED) & valid_steps(lengths, targets.shape[1])
    steps = torch.arange(targets.shape[1])
    if direction == 0:
        ends = torch.where(has_target, steps, -1).amax(dim=1)
        return ends.clamp(min=0), ends + 1
    ends = torch.where(has_target, steps, lengths[:, None]).amin(dim=1)
    return torch.minimum(ends, lengths - 1), lengths - ends


def _count_from(by_step: Tensor, ends: Tensor, num_steps: Tensor, direction: int) -> Tensor:
    """(batch, time) norms by step to norms by distance from `ends`, back along the walk of a direction."""
    distances = torch.arange(by_step.shape[1])
    steps = ends[:, None] + (distances if direction else -distances)
    inside = (distances < num_steps[:, None]).to(by_step.device)
    return by_step.gather(1, steps.clamp(0, by_step.shape[1] - 1).to(by_step.device)).where(inside, 0.0)


def _loss_of_step(scores: Tensor, targets: Tensor, steps: Tensor) -> Tensor:
    """The cross-entropy of one step of each sequence, summed: (batch, time, tags) and (batch,) to ()."""
    rows, steps = torch.arange(len(steps), device=scores.device), steps.to(scores.device)
    return F.cross_entropy(scores[rows, steps], targets[rows, steps], ignore_index=IGNORED, reduction="sum")

"""The gradient through time: how much of a loss reaches the states a number of steps before it.

Figures, numbers and warnings in TensorBoard, and the page of `inspect`, all use the definition given here:

- with one target per sequence, L is the loss of the sequence, which acts at the end of each direction's walk;
- with a target for each step, L is the loss of a single step, of classes the cross-entropy: the last one with
  a target that the direction reaches, the last word for forward, the first for backward. The gradient of the
  loss of all steps together would be large at every state, whatever the recurrence carries;
- the number at k steps is the norm of dL/dh, k steps before the loss, as an arithmetic mean over the
  sequences that have as many steps before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqtrain.analysis.sample import Array, to_array
from seqtrain.model.backbone import recurrent_module
from seqtrain.model.network import Head, Network
from seqtrain.records import IGNORED, SequenceBatch, are_of_steps, hide, is_known, valid_steps
from seqtrain.recurrence.trace import DirectionStates, Trace, name_direction, trace

FADED = 1e-4  # a gradient below this share of that at the loss itself has vanished, as for the warning
MAX_STEPS = 256  # of a batch: each step costs a backward pass through all of them
MIN_LENGTH = 5  # shorter sequences have no fifths


def trace_network(network: Network, batch: SequenceBatch) -> Trace:
    """Trace the backbone of a network on the batch's encoded inputs.

    Raises:
        TypeError: the backbone cannot be traced.
        ValueError: it has projections.
    """
    return trace(recurrent_module(network.backbone), network.encoder(batch.inputs), batch.lengths)


def gradient_norms(network: Network, batch: SequenceBatch, traced: Trace) -> dict[str, Tensor]:
    """The norm of dL/dh_t by `layer0/forward`, (batch, time) each, zero beyond a sequence's length.

    L is the loss of the sequence, summed over its valid positions, so that other sequences of the batch have
    no part in it. Steps are in the order in which the direction takes them: for the backward direction, the
    last step of the sequence comes first.
    """
    scores = network.head(traced.output, traced.summary, batch.lengths)
    return walk_norms(traced.state_gradients(network.loss_sum(scores, batch)), batch.lengths)


def walk_norms(gradients: tuple[tuple[DirectionStates, ...], ...], lengths: Tensor) -> dict[str, Tensor]:
    """Norms by `layer0/forward`, (batch, time) each, in the order in which the direction takes the steps."""
    norms: dict[str, Tensor] = {}
    for layer, directions in enumerate(gradients):
        for direction, gradient in enumerate(directions):
            by_step = gradient.h.norm(dim=2)
            name = name_direction(layer, direction)
            norms[name] = by_step if direction == 0 else reverse(by_step, lengths)
    return norms


def gradient_statistics(norms: dict[str, Tensor], lengths: Tensor) -> dict[str, float]:
    """`layer0/forward/first_fifth`, `last_fifth` and `ratio`, the first divided by the second.

    The fifths are those of each sequence's own steps; of each sequence with at least five, the mean over the
    steps is taken, and then the mean over the sequences. Without such a sequence there are no statistics.
    """
    long = lengths >= MIN_LENGTH
    if not norms or not bool(long.any()):
        return {}
    steps, length = torch.arange(next(iter(norms.values())).shape[1]), lengths[long, None]
    size = length // 5
    masks = {
        "first_fifth": steps < size,
        "last_fifth": (steps >= length - size) & (steps < length),
    }
    means = {
        f"{name}/{fifth}": (by_step[long.to(by_step.device)] * (mask / size / len(size)).to(by_step)).sum()
        for name, by_step in norms.items()
        for fifth, mask in masks.items()
    }
    values = dict(zip(means, torch.stack(list(means.values())).tolist(), strict=True))
    for name in norms:
        first, last = values[f"{name}/first_fifth"], values[f"{name}/last_fifth"]
        values[f"{name}/ratio"] = first / last if last > 0 else 0.0
    return values


def reverse(values: Tensor, lengths: Tensor) -> Tensor:
    """Each sequence of (batch, time) backwards, its padding still behind it."""
    steps, length = torch.arange(values.shape[1]), lengths[:, None]
    sources = torch.where(steps < length, length - 1 - steps, steps)
    return values.gather(1, sources.to(values.device))


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
    """The norms of dL/dh by `layer0/forward` and by distance from the loss L of the definition above.

    Args:
        network: whose backbone was traced.
        batch: that was traced, with targets.
        traced: with its graph.
        norms: of the loss of all steps, see `gradient_norms`.
    """
    assert batch.targets is not None
    if not are_of_steps(batch.targets):
        has_target = is_known(batch.targets).reshape(len(batch), -1).any(dim=1)
        num_steps = torch.where(has_target.cpu(), batch.lengths, 0)
        return {
            name: Distances(reverse(by_step, batch.lengths), num_steps) for name, by_step in norms.items()
        }
    scores = network.head(traced.output, traced.summary, batch.lengths).float()
    by_name: dict[str, Distances] = {}
    for direction in range(len(traced.layers[0])):
        ends, num_steps = _loss_steps(batch.targets.cpu(), batch.lengths, direction)
        gradients = traced.state_gradients(_loss_of_step(network, scores, batch, ends))
        for layer, directions in enumerate(gradients):
            by_step = directions[direction].h.norm(dim=2)
            by_name[name_direction(layer, direction)] = Distances(
                _count_from(by_step, ends, num_steps, direction), num_steps
            )
    return {name: by_name[name] for name in norms}  # in their order


def gradient_through_time(distances: Distances) -> Tensor:
    """The mean norm of one layer and direction, (steps,): element k is k steps before the loss.

    It has the steps of the longest sequence, and none where no sequence has a target.
    """
    longest = int(distances.num_steps.max())
    num = (torch.arange(longest) < distances.num_steps[:, None]).sum(dim=0)
    return distances.norms[:, :longest].sum(dim=0) / num.to(distances.norms.device)


def find_reach(means: Tensor) -> float:
    """The distance at which 1e-4 of the mean norm at the loss is left, of a `gradient_through_time`.

    Where more is left throughout, it is the length of the longest sequence; 0 without any gradient, nan where
    one is not finite.
    """
    if not means.isfinite().all():
        return float("nan")
    faded = (means <= FADED * means[:1]).nonzero()
    return float(faded[0]) if len(faded) else float(len(means))


def find_growth(means: Tensor) -> float:
    """The largest mean norm at any distance, divided by that at the loss, of a `gradient_through_time`.

    1 where gradients only shrink on their way back; 0 without any gradient at the loss.
    """
    return float(means.max() / means[0]) if len(means) and means[0] > 0 else 0.0


def _loss_steps(targets: Tensor, lengths: Tensor, direction: int) -> tuple[Tensor, Tensor]:
    """The last step with a target in a direction's walk, and the number of steps up to it: (batch,) each."""
    has_target = is_known(targets).view(*targets.shape[:2], -1).any(dim=2)
    has_target &= valid_steps(lengths, targets.shape[1])
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


def _loss_of_step(network: Network, scores: Tensor, batch: SequenceBatch, steps: Tensor) -> Tensor:
    """() the loss of one step of each sequence, summed: of tags the cross-entropy, of numbers the head's."""
    targets = batch.targets
    assert targets is not None
    rows, steps = torch.arange(len(steps), device=scores.device), steps.to(scores.device)
    if targets.is_floating_point():
        others = torch.ones_like(targets, dtype=torch.bool)
        others[rows, steps] = False
        return cast(Head, network.head).loss_sum(scores, hide(targets, others), batch.lengths)
    return F.cross_entropy(scores[rows, steps], targets[rows, steps], ignore_index=IGNORED, reduction="sum")


def reach(traced: Trace, scores: Tensor, targets: Tensor) -> Array | None:
    """The norm of dL_s/dh_t for all steps s and t, where L_s is the cross-entropy at step s alone.

    With a target for every step, the gradient of the whole loss is mostly that of each state's own step. This
    shows how much the state at one step matters to the loss at another: the memory of the recurrence.

    Args:
        traced: with its graph.
        scores: (batch, time, num_targets).
        targets: (batch, time), IGNORED at padding.

    Returns:
        (layers, directions, batch, time s, time t); None if the sequences have more than 256 steps.
    """
    if scores.shape[1] > MAX_STEPS:
        return None
    losses = F.cross_entropy(
        scores.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
    )
    rows = []
    for loss in losses.view(targets.shape).sum(dim=0):
        gradients = traced.state_gradients(loss)
        rows.append(to_array([[each.h.norm(dim=-1) for each in layer] for layer in gradients]))
    return np.stack(rows, axis=3)

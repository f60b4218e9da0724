"""The gradient through time: how much the loss depends on the state of each step."""

from __future__ import annotations

import torch
from torch import Tensor

from seqtrain.analysis.places import name_place
from seqtrain.model.backbone import recurrent_module
from seqtrain.model.network import Network
from seqtrain.records import SequenceBatch
from seqtrain.recurrence.trace import StateGradients, Trace, trace

MIN_LENGTH = 5  # shorter sequences have no fifths


def trace_network(network: Network, batch: SequenceBatch) -> Trace:
    """Trace the backbone of a network on the batch's encoded inputs.

    Raises:
        TypeError: the backbone is none that can be traced.
        ValueError: it has projections.
    """
    return trace(recurrent_module(network.backbone), network.encoder(batch.inputs), batch.lengths)


def gradient_norms(network: Network, batch: SequenceBatch, traced: Trace) -> dict[str, Tensor]:
    """The norm of dL/dh_t by place (`layer0/forward`), (batch, time) each, zero beyond a sequence's length.

    L is the loss of the sequence, summed over its valid positions, so that other sequences of the batch have
    no part in it. Steps are in the order in which the direction takes them: for the backward direction, the
    last step of the sequence comes first.
    """
    scores = network.head(traced.output, traced.summary, batch.lengths)
    return walk_norms(traced.state_gradients(network.loss_sum(scores, batch)), batch.lengths)


def walk_norms(gradients: tuple[tuple[StateGradients, ...], ...], lengths: Tensor) -> dict[str, Tensor]:
    """Norms by place (batch, time), in the order in which the direction takes the steps."""
    norms: dict[str, Tensor] = {}
    for layer, directions in enumerate(gradients):
        for direction, part in enumerate(directions):
            by_step = part.h.norm(dim=2)
            walked = by_step if direction == 0 else reverse(by_step, lengths)
            norms[name_place(layer, direction)] = walked
    return norms


def gradient_statistics(norms: dict[str, Tensor], lengths: Tensor) -> dict[str, float]:
    """`layer0/forward/first_fifth`, `last_fifth` and `ratio`, the first by the second.

    The fifths are those of each sequence's own steps; of each sequence with at least five, the mean over the
    steps is taken, and then the mean over the sequences. Without such a sequence there are no statistics.
    """
    means: dict[str, Tensor] = {}
    for place, by_step in norms.items():
        for name, mask in _fifths(lengths, by_step.shape[1]).items():
            long = mask.any(dim=1)
            mask = mask.to(by_step.device)
            means[f"{place}/{name}"] = ((by_step * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1))[
                long
            ].mean()
    if not means or not bool((lengths >= MIN_LENGTH).any()):
        return {}
    values = dict(zip(means, torch.stack(list(means.values())).tolist(), strict=True))
    ratios = {
        f"{place}/ratio": _ratio(values[f"{place}/first_fifth"], values[f"{place}/last_fifth"])
        for place in norms
    }
    return values | ratios


def mean_by_step(by_step: Tensor, lengths: Tensor) -> Tensor:
    """The mean over the sequences that have this step: (batch, time) to (time,)."""
    num = (torch.arange(by_step.shape[1]) < lengths[:, None]).sum(dim=0).clamp(min=1)
    return by_step.sum(dim=0) / num.to(by_step.device)


def _ratio(first: float, last: float) -> float:
    return first / last if last > 0 else 0.0


def _fifths(lengths: Tensor, time: int) -> dict[str, Tensor]:
    """(batch, time) bool: the steps of the first and of the last fifth of each sequence with five or more."""
    steps, length = torch.arange(time), lengths[:, None]
    size = torch.where(length >= MIN_LENGTH, length // 5, 0)
    return {
        "first_fifth": steps < size,
        "last_fifth": (steps >= length - size) & (steps < length),
    }


def reverse(values: Tensor, lengths: Tensor) -> Tensor:
    """Each sequence of (batch, time) backwards, its padding still behind it."""
    steps, length = torch.arange(values.shape[1]), lengths[:, None]
    places = torch.where(steps < length, length - 1 - steps, steps)
    return values.gather(1, places.to(values.device))

"""A conditional random field in NumPy, for exported models."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating]
Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CRF:
    """The parameters of `seqtrain.model.CRFHead`: (tags, tags) from the tag of a row to that of a column."""

    transition: Floats
    start: Floats  # (tags,)
    end: Floats  # (tags,)
    allowed_transition: Floats  # (tags, tags), minus infinity for what is not allowed, else 0
    allowed_start: Floats  # (tags,), the same

    def answer(self, emissions: Floats) -> tuple[Ints, Floats]:
        """(time,) the most likely tags for emission scores (time, tags), and the probability of each."""
        tags = self.decode(emissions)
        return tags, self.probabilities(emissions)[np.arange(len(tags)), tags]

    @np.errstate(invalid="ignore")  # nan and infinity are refused when they have become probabilities
    def decode(self, emissions: Floats) -> Ints:
        """(time,) the most likely sequence of tags for emission scores (time, tags); Viterbi's algorithm."""
        transition = self.transition + self.allowed_transition
        best, origins = self.start + self.allowed_start + emissions[0], []
        for emitted in emissions[1:]:
            scores = best[:, None] + transition
            origins.append(scores.argmax(axis=0))
            best = scores.max(axis=0) + emitted
        path = [int((best + self.end).argmax())]
        for origin in reversed(origins):
            path.append(int(origin[path[-1]]))
        return np.array(path[::-1])

    @np.errstate(invalid="ignore", divide="ignore")
    def probabilities(self, emissions: Floats) -> Floats:
        """(time, tags) the probability of each tag at each step, by the forward-backward algorithm."""
        emissions = emissions.astype(np.float64)
        forward, backward = np.empty_like(emissions), np.empty_like(emissions)
        forward[0], backward[-1] = self.start + emissions[0], self.end
        for step in range(1, len(emissions)):
            forward[step] = _logsumexp(forward[step - 1][:, None] + self.transition, axis=0) + emissions[step]
        for step in range(len(emissions) - 2, -1, -1):
            following = backward[step + 1] + emissions[step + 1]
            backward[step] = _logsumexp(self.transition + following, axis=1)
        total = forward + backward
        return np.asarray(np.exp(total - _logsumexp(total, axis=1)[:, None]))


CRF_TENSORS = tuple(each.name for each in fields(CRF))


def _logsumexp(values: Floats, axis: int) -> Floats:
    highest = values.max(axis=axis, keepdims=True)
    summed = np.log(np.exp(values - highest).sum(axis=axis, keepdims=True)) + highest
    return np.asarray(summed.squeeze(axis))

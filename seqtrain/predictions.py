"""What a trained model predicts, as records; importing them does not import torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqtrain.errors import RunError

NOT_FINITE = (
    "The model's scores are nan or infinite, so there is no answer: its weights, or its states for "
    "this input, are too large. Use another checkpoint, or train again with a lower optimizer.lr."
)


class Answer(NamedTuple):
    """What a network predicts for one sequence: one name, or one for each step, and their probabilities.

    For targets other than classes the names are the predicted values as texts, without probabilities.
    `weights` are the attention weights of the steps, from a head that pools by attention.
    """

    names: tuple[str, ...]
    confidences: tuple[float, ...]
    weights: tuple[float, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str], confidences: Sequence[float]) -> Answer:
        """An answer with rounded probabilities.

        Raises:
            RunError: a probability is nan or infinite, so that the names mean nothing.
        """
        check_probabilities(confidences)
        return cls(tuple(names), tuple((np.rint(np.multiply(confidences, 1e4)) / 1e4).tolist()))


@dataclass(frozen=True)
class Estimate:
    """The numbers that a network predicts for one sequence, in the units of the data.

    `values` are (numbers,), (time, numbers) for each step, or for series (rows ahead, series).
    `quantiles` has such an array for each probability, from a model that was trained for quantiles; the one
    for 0.5 equals `values`.
    """

    values: npt.NDArray[np.float32]
    quantiles: Mapping[float, npt.NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not np.isfinite(self.values).all():
            raise RunError(NOT_FINITE)


@dataclass(frozen=True)
class Forecast(Estimate):
    """The next values of the series `names`, (rows ahead, series); see `Estimate`.

    `times` are the times of these values, written like those of the series; None for a series without times.
    """

    names: tuple[str, ...] = ()
    times: tuple[str, ...] | None = None


def check_probabilities(values: Sequence[float]) -> None:
    """Refuse the probabilities of a model whose scores overflow.

    Raises:
        RunError: a probability is nan or infinite.
    """
    if not np.isfinite(values).all():
        raise RunError(NOT_FINITE)


@dataclass(frozen=True)
class TaggedSentence:
    """A tag for each token of a sentence, with its probability.

    `spans` are the start and the end of each token in the text that it comes from, as in `text[start:end]`;
    None for a sentence that was given as tokens.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    confidences: tuple[float, ...]
    spans: tuple[tuple[int, int], ...] | None = None

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class Classification:
    """The class of a sequence, with its probability."""

    label: str
    confidence: float


@dataclass(frozen=True)
class Given:
    """A sequence that a user gave to predict on: words, or numbers.

    `name` is the text that a sentence comes from, or the file and the index in it. `values` are the pixels of
    an image (height, width), or numbers (time, features). `source` is the `ConlluSentence` that it was read
    from, or the `Times` of a series, if any.
    """

    name: str
    tokens: tuple[str, ...] | None = None
    spans: tuple[tuple[int, int], ...] | None = None
    values: npt.NDArray[Any] | None = None
    source: Any = None

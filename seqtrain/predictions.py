"""What a trained model predicts, as records; importing them does not import torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from seqtrain.errors import RunError


class Answer(NamedTuple):
    """The names and the probabilities that a network predicts for one sequence: one, or one for each step."""

    names: tuple[str, ...]
    confidences: tuple[float, ...]

    @classmethod
    def of(cls, names: Sequence[str], confidences: Sequence[float]) -> Answer:
        """An answer with rounded probabilities.

        Raises:
            RunError: a probability is nan or infinite, so that the names mean nothing.
        """
        check_probabilities(confidences)
        return cls(tuple(names), tuple(round(share, 4) for share in confidences))


def check_probabilities(values: Sequence[float]) -> None:
    """Refuse what a model gives whose scores overflow.

    Raises:
        RunError: a probability is nan or infinite.
    """
    if not all(map(math.isfinite, values)):
        raise RunError(
            "The model's scores are nan or infinite, so there is no answer: its weights, or its states for "
            "this input, are too large. Use another checkpoint, or train again with a lower optimizer.lr."
        )


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


class Predicts(Protocol):
    """What a trained model offers, whatever runs it: it tags words, or it classifies images."""

    @property
    def column(self) -> str | None:
        """The column of CoNLL-U where the tags are from; None if they are from another format."""

    @property
    def image_size(self) -> tuple[int, int] | None:
        """The height and the width of images; None for a model that does not classify them."""

    @property
    def reads_arrays(self) -> bool:
        """Whether the model was trained on sequences of numbers from .npz files."""

    def label(self, path: Path) -> list[Answer]:
        """The classes of the sequences of an .npz file, or of their time steps."""

    def tag(self, sentences: str | Sequence[Sequence[str]]) -> list[TaggedSentence]:
        """Tag text, or the tokens of sentences."""

    def classify(self, images: Any, resize: bool = False) -> list[Classification]:
        """Classify arrays or files."""

    def classify_pixels(self, pixels: npt.NDArray[np.float32]) -> list[Classification]:
        """Classify images, (images, height, width) from 0 to 1, of the size that the model was trained on."""

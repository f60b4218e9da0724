"""What a trained model predicts, as records; importing them does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Answer(NamedTuple):
    """The names and the probabilities that a network predicts for one sequence: one, or one for each step."""

    names: tuple[str, ...]
    confidences: tuple[float, ...]


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

"""The most confident mistakes of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from seqtrain.analysis.markdown import escape
from seqtrain.records import IGNORED

AROUND = 6  # words of a sentence that are shown on either side of a mistake


@dataclass(frozen=True)
class Mistake:
    """A wrong prediction: its sequence, its step (0 where a sequence has one target) and its confidence."""

    sequence: int
    step: int
    target: str
    prediction: str
    confidence: float


def find_mistakes(
    targets: Tensor, predictions: Tensor, confidences: Tensor, names: Sequence[str], most: int
) -> list[Mistake]:
    """At most `most` mistakes, the most confident first.

    Args:
        targets: (batch,) or (batch, time), IGNORED where nothing is asked for.
        predictions: of the same shape.
        confidences: probabilities of the predictions, of the same shape.
        names: of the targets.
        most: number of mistakes.
    """
    wrong = (targets != IGNORED) & (predictions != targets)
    places = wrong.nonzero().tolist()
    order = confidences[wrong].argsort(descending=True, stable=True)[:most].tolist()
    chosen = [tuple(places[number]) for number in order]
    return [
        Mistake(
            sequence=place[0],
            step=place[1] if len(place) > 1 else 0,
            target=names[int(targets[place])],
            prediction=names[int(predictions[place])],
            confidence=float(confidences[place]),
        )
        for place in chosen
    ]


def list_sentences(mistakes: Sequence[Mistake], sentences: Sequence[Sequence[str]]) -> str:
    """A Markdown table of mistakes in their sentences."""
    rows = ["| sentence | target | prediction | confidence |", "| --- | --- | --- | --- |"]
    for mistake in mistakes:
        words = sentences[mistake.sequence]
        first, last = max(mistake.step - AROUND, 0), mistake.step + AROUND + 1
        before = ["..."] * (first > 0) + list(words[first : mistake.step])
        after = list(words[mistake.step + 1 : last]) + ["..."] * (last < len(words))
        text = " ".join([*map(escape, before), f"**{escape(words[mistake.step])}**", *map(escape, after)])
        target, prediction = escape(mistake.target), escape(mistake.prediction)
        rows.append(f"| {text} | {target} | {prediction} | {mistake.confidence:.1%} |")
    return "\n".join(rows)

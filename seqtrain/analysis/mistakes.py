"""The most confident mistakes of a network."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from torch import Tensor

from seqtrain.analysis.sample import AnsweredSample
from seqtrain.data import View
from seqtrain.records import IGNORED
from seqtrain.spec import Classes, ImageInputs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUM_MISTAKES = 12
AROUND = 6  # words of a sentence that are shown on either side of a mistake
SPECIAL = r"\`*_[]|"  # in Markdown


def show_mistakes(answered: AnsweredSample) -> Figure | str | None:
    """The most confident mistakes: images as a figure, sentences as a table in Markdown.

    None where there is no mistake, or where the inputs are neither.
    """
    targets, batch, confidences = answered.spec.targets, answered.batch, answered.confidences
    assert isinstance(targets, Classes)
    assert batch.targets is not None
    assert confidences is not None
    mistakes = find_mistakes(batch.targets, answered.predictions, confidences, targets.names, NUM_MISTAKES)
    if mistakes and answered.words is not None:
        return list_sentences(mistakes, answered.words)
    if not mistakes or not isinstance(answered.spec.inputs, ImageInputs):
        return None
    from seqtrain.analysis.figures.run import draw_mistakes

    inputs = cast(Tensor, batch.inputs)[[mistake.sequence for mistake in mistakes]]
    titles = [f"{each.target} > {each.prediction} ({each.confidence:.0%})" for each in mistakes]
    return draw_mistakes(View.of(answered.spec.inputs).to_images(inputs.float()), titles)


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
    positions = wrong.nonzero().tolist()
    order = confidences[wrong].argsort(descending=True, stable=True)[:most].tolist()
    return [
        Mistake(
            sequence=position[0],
            step=position[1] if len(position) > 1 else 0,
            target=names[int(targets[position])],
            prediction=names[int(predictions[position])],
            confidence=float(confidences[position]),
        )
        for position in (tuple(positions[number]) for number in order)
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


def escape(text: str) -> str:
    """A word or the name of a class, so that Markdown shows it as it is, also in a table."""
    plain = html.escape(text, quote=False)
    return "".join(f"\\{letter}" if letter in SPECIAL else letter for letter in plain)

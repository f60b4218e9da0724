"""Sequences with the states of a small LSTM, or with given ones, for statistics and figures."""

from __future__ import annotations

import torch
from torch import nn

from seqtrain.analysis.examine import ExaminedExample
from seqtrain.analysis.sample import Array, Example, Sample, read_example
from seqtrain.records import SequenceBatch
from seqtrain.recurrence.trace import trace
from seqtrain.spec import DataSpec, ImageInputs, SequenceClasses


def example(steps: int = 4, words: list[str] | None = None) -> Example:
    torch.manual_seed(0)
    features, lengths = torch.rand(2, steps, 3), torch.tensor([steps, min(steps, 2)])
    batch = SequenceBatch(features, lengths, torch.tensor([1, 0]))
    inputs = ImageInputs(feature_size=3, view="rows", size=(steps, 3))
    spec = DataSpec(inputs, SequenceClasses(("zero", "one")))
    sample = Sample(batch, spec, None if words is None else [words, words[:2]])
    with torch.no_grad():
        return read_example(sample, trace(nn.LSTM(3, 5, bidirectional=True), features, lengths), 0)


def examined_example(
    signals: dict[str, Array], targets: tuple[int, ...] | None, by_distance: dict[str, Array] | None = None
) -> ExaminedExample:
    num_answers = 0 if targets is None else len(targets)
    return ExaminedExample(
        name="dev 1",
        words=None,
        inputs=None,
        signals=signals,
        gates=(),
        image=None,
        targets=targets,
        predictions=(0,) * num_answers,
        confidences=(1.0,) * num_answers,
        by_distance=by_distance or {},
        reach=None,
    )

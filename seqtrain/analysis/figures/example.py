"""One sequence as the figures show it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.analysis.sample import Sample
from seqtrain.records import IGNORED
from seqtrain.recurrence.cells import Gate
from seqtrain.recurrence.trace import DirectionTrace, Trace
from seqtrain.spec import ImageInputs, SequenceClasses


@dataclass(frozen=True)
class Example:
    """One sequence of a sample: the names of its steps, its inputs, and what the recurrence made of them.

    `directions` are those of the last layer, with (time, hidden) tensors on the CPU. `inputs` (features,
    time) is None for sentences. `gates` are those of the cell.
    """

    title: str
    labels: list[str]
    directions: list[DirectionTrace]
    inputs: Tensor | None
    gates: tuple[Gate, ...]


def choose_examples(lengths: Tensor, num: int, most: int = 24) -> list[int]:
    """Places of the `num` longest sequences of at most `most` steps, or of all if none is as short."""
    fitting = [place for place in range(len(lengths)) if lengths[place] <= most]
    places = fitting or list(range(len(lengths)))
    return sorted(places, key=lambda place: -int(lengths[place]))[:num]


def read_example(sample: Sample, traced: Trace, place: int) -> Example:
    """The sequence at this place of the sample."""
    length = int(sample.batch.lengths[place])
    inputs = sample.batch.inputs
    if sample.words is not None:
        labels, title = sample.words[place], f"sentence {place + 1} of the sample"
    else:
        labels, title = [str(step) for step in range(length)], _name_sequence(sample, place)
    directions = [_cut(part, place, length) for part in traced.layers[-1]]
    features = inputs[place, :length].T if isinstance(inputs, Tensor) else None
    return Example(title, labels, directions, features, traced.cell.gates)


def _name_sequence(sample: Sample, place: int) -> str:
    """An image or a sequence of numbers, with its class if it has one; a target per step is no name."""
    targets, known, inputs = sample.batch.targets, sample.spec.targets, sample.spec.inputs
    name = ""
    if isinstance(known, SequenceClasses) and targets is not None and targets[place] != IGNORED:
        name = f" ({known.names[int(targets[place])]})"
    if not isinstance(inputs, ImageInputs):
        return f"sequence {place + 1} of the sample{name}"
    return f"image {place + 1} of the sample{name}, read by {inputs.view}"


def _cut(part: DirectionTrace, place: int, length: int) -> DirectionTrace:
    def cut(values: Tensor) -> Tensor:
        return values[place, :length].detach().to("cpu", torch.float32)

    states, gates = (
        {name: cut(values) for name, values in each.items()} for each in (part.states, part.gates)
    )
    return DirectionTrace(states, gates)

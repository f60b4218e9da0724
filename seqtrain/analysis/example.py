"""One sequence and what the recurrence made of it: what figures and the page are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtrain.analysis.sample import Sample
from seqtrain.records import IGNORED
from seqtrain.recurrence.cells import Gate
from seqtrain.recurrence.trace import Trace
from seqtrain.spec import ImageInputs, SequenceClasses

Array: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Example:
    """One sequence.

    `parts` holds what the recurrence does, by name, (layers, directions, time, hidden) each: "h" and the
    other states, and the `gates`. `inputs` (features, time) is None for sentences, which have `words`.
    """

    name: str
    words: tuple[str, ...] | None
    inputs: Array | None
    parts: dict[str, Array]
    gates: tuple[Gate, ...]

    @property
    def num_steps(self) -> int:
        return int(self.parts["h"].shape[2])

    @property
    def num_directions(self) -> int:
        return int(self.parts["h"].shape[1])

    @property
    def labels(self) -> list[str]:
        """A label for each step: the word, or the number of the step."""
        return [str(step) for step in range(self.num_steps)] if self.words is None else list(self.words)


def choose_examples(lengths: Tensor, num: int, most: int = 24) -> list[int]:
    """Places of the `num` longest sequences of at most `most` steps, or of all if none is as short."""
    fitting = [place for place in range(len(lengths)) if lengths[place] <= most]
    places = fitting or list(range(len(lengths)))
    return sorted(places, key=lambda place: -int(lengths[place]))[:num]


def read_example(sample: Sample, traced: Trace, place: int) -> Example:
    """The sequence at this place of the sample."""
    batch, words = sample.batch, None if sample.words is None else tuple(sample.words[place])
    length = int(batch.lengths[place])
    return Example(
        name=_name_sequence(sample, place) if words is None else f"sentence {place + 1} of the sample",
        words=words,
        inputs=read_inputs(batch.inputs, place, length),
        parts={name: values[:, :, :length] for name, values in stack_parts(traced, place).items()},
        gates=traced.cell.gates,
    )


def stack_parts(traced: Trace, rows: int | slice = slice(None)) -> dict[str, Array]:
    """States and gates of these sequences by name, (layers, directions, batch, time, hidden) each."""
    layers = [[each.states | each.gates for each in directions] for directions in traced.layers]
    return {
        name: to_array([[each[name][rows] for each in layer] for layer in layers]) for name in layers[0][0]
    }


def to_array(layers: list[list[Tensor]]) -> Array:
    """Tensors by layer and direction as one array, (layers, directions, ...)."""
    stacked = torch.stack([torch.stack(directions) for directions in layers])
    array: Array = stacked.detach().to("cpu", torch.float32).numpy()
    return array


def read_inputs(inputs: object, row: int, length: int) -> Array | None:
    """Those of one sequence, (features, time); None for words and tokens."""
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        return None
    array: Array = inputs[row, :length].T.to("cpu", torch.float32).numpy()
    return array


def _name_sequence(sample: Sample, place: int) -> str:
    """An image or a sequence of numbers, with its class if it has one; a target per step is no name."""
    targets, known, inputs = sample.batch.targets, sample.spec.targets, sample.spec.inputs
    name = ""
    if isinstance(known, SequenceClasses) and targets is not None and targets[place] != IGNORED:
        name = f" ({known.names[int(targets[place])]})"
    if not isinstance(inputs, ImageInputs):
        return f"sequence {place + 1} of the sample{name}"
    return f"image {place + 1} of the sample{name}, read by {inputs.view}"

"""Generated memory problems: it is known what a recurrence has to keep, and for how many time steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtrain.data.batching.datasets import VectorDataset
from seqtrain.data.corpus import SPLITS, Batching, Corpus, Dataset
from seqtrain.records import IGNORED
from seqtrain.spec import DataSpec, SequenceClasses, SequenceNumbers, StepClasses, Targets, VectorInputs

Problem: TypeAlias = Literal["adding", "recall", "copy", "parity", "xor"]
Draw: TypeAlias = Callable[[np.random.RandomState, int, int], tuple[npt.NDArray[Any], Tensor]]

NUM_VALUES = 10  # of recall
NUM_SYMBOLS, NUM_COPIED = 8, 10  # of copy; its features are the symbols, a blank, and the sign to repeat
EVALUATION_SIZE = 2000  # sequences of dev, and of test
MIN_LENGTH = 2


class Memory:
    """Sequences whose target depends on what was seen long before; the same ones for every seed of a run.

    - `adding`: numbers from 0 to 1, of which one in each half of the sequence is marked; the number to
      predict is the sum of the two (Hochreiter and Schmidhuber, 1997).
    - `recall`: each time step has one of ten values, and the class is the first one.
    - `copy`: ten symbols of eight, then blanks, then the sign to repeat them: a class for each of the last
      ten time steps (Hochreiter and Schmidhuber, 1997; as in Arjovsky et al., 2016).
    - `parity`: bits; the class of each time step is whether the ones so far are odd in number.
    - `xor`: bits, of which one in each half of the sequence is marked; the class is whether the two differ.

    Args:
        problem: one of these.
        length: time steps of a sequence; of `copy` the blanks between what is shown and what is repeated.
        train_size: sequences to train on. There are 2,000 to choose a checkpoint by and 2,000 to test.
    """

    def __init__(
        self,
        *,
        problem: Problem,
        length: int,
        train_size: int,
        batch_size: int,
        eval_batch_size: int,
        max_tokens: int | None = None,
        epochs: int | None = None,
        min_steps: int = 0,
    ) -> None:
        if problem not in get_args(Problem):
            raise ValueError(f"problem must be one of {', '.join(get_args(Problem))}, got {problem!r}")
        if length < MIN_LENGTH:
            raise ValueError(f"length must be at least {MIN_LENGTH}, got {length}")
        self.batching = Batching(batch_size, max_tokens, eval_batch_size, epochs, min_steps)
        self._generator, self._length = GENERATORS[problem], length
        self._sizes = dict(zip(SPLITS, (train_size, EVALUATION_SIZE, EVALUATION_SIZE), strict=True))

    def load(self) -> Corpus:
        generator = self._generator
        splits: dict[str, Dataset] = {}
        for number, (split, size) in enumerate(self._sizes.items()):
            inputs, targets = generator.draw(np.random.RandomState(number), size, self._length)
            lengths = torch.full((size,), inputs.shape[1])
            splits[split] = VectorDataset(
                torch.from_numpy(inputs), lengths, targets, generator.encode, generator.targets.per_step
            )
        spec = DataSpec(VectorInputs(feature_size=generator.feature_size), generator.targets)
        return Corpus(spec, splits, chance=generator.chance)


@dataclass(frozen=True)
class _Generator:
    """How the sequences of a problem are drawn, and how they are encoded for the network."""

    draw: Draw  # (random, sequences, length) to inputs and targets
    encode: Callable[[Tensor], Tensor]  # (batch, time, ...) what was drawn to (batch, time, features) float
    feature_size: int
    targets: Targets
    chance: Mapping[str, float]  # by metric, what the best answer gives that ignores the sequence


def _draw_recall(
    random: np.random.RandomState, size: int, length: int
) -> tuple[npt.NDArray[np.uint8], Tensor]:
    values = random.randint(NUM_VALUES, size=(size, length), dtype=np.uint8)
    return values, torch.from_numpy(values[:, 0]).long()


def _draw_copy(random: np.random.RandomState, size: int, length: int) -> tuple[npt.NDArray[np.uint8], Tensor]:
    symbols = random.randint(NUM_SYMBOLS, size=(size, NUM_COPIED), dtype=np.uint8)
    blank, repeat = NUM_SYMBOLS, NUM_SYMBOLS + 1
    inputs = np.full((size, length + 2 * NUM_COPIED), blank, dtype=np.uint8)
    inputs[:, :NUM_COPIED] = symbols
    inputs[:, -NUM_COPIED] = repeat
    targets = torch.full(inputs.shape, IGNORED)
    targets[:, -NUM_COPIED:] = torch.from_numpy(symbols).long()
    return inputs, targets


def _draw_parity(
    random: np.random.RandomState, size: int, length: int
) -> tuple[npt.NDArray[np.uint8], Tensor]:
    bits = random.randint(2, size=(size, length, 1), dtype=np.uint8)
    return bits, torch.from_numpy(bits[:, :, 0].cumsum(axis=1) % 2).long()


def _draw_xor(random: np.random.RandomState, size: int, length: int) -> tuple[npt.NDArray[np.uint8], Tensor]:
    """The bits and, beside them, the marks."""
    bits = random.randint(2, size=(size, length), dtype=np.uint8)
    marks = _mark_one_in_each_half(random, size, length)
    return np.stack([bits, marks], axis=2), torch.from_numpy((bits * marks).sum(axis=1) % 2).long()


def _mark_one_in_each_half(random: np.random.RandomState, size: int, length: int) -> npt.NDArray[np.uint8]:
    """(size, length) with a one at one step of the first half and at one of the second."""
    marks = np.zeros((size, length), dtype=np.uint8)
    half = length // 2
    for first, num_steps in ((0, half), (half, length - half)):
        marks[np.arange(size), first + random.randint(num_steps, size=size)] = 1
    return marks


def _one_hot(values: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(values.long(), 10).float()


def _draw_adding(
    random: np.random.RandomState, size: int, length: int
) -> tuple[npt.NDArray[np.float32], Tensor]:
    """The numbers and, beside them, the marks."""
    numbers = random.uniform(size=(size, length)).astype(np.float32)
    marks = _mark_one_in_each_half(random, size, length)
    inputs = np.stack([numbers, marks.astype(np.float32)], axis=2)
    return inputs, torch.from_numpy((numbers * marks).sum(axis=1, keepdims=True))


_VALUES = tuple(map(str, range(10)))
GENERATORS = {
    # The mean of the sum is 1, its variance 1/6.
    "adding": _Generator(
        _draw_adding, Tensor.float, 2, SequenceNumbers(("sum",)), {"mse": 1 / 6, "mae": 1 / 3}
    ),
    "recall": _Generator(
        _draw_recall,
        _one_hot,
        NUM_VALUES,
        SequenceClasses(_VALUES[:NUM_VALUES]),
        {"accuracy": 1 / NUM_VALUES},
    ),
    "copy": _Generator(
        _draw_copy,
        _one_hot,
        NUM_SYMBOLS + 2,
        StepClasses(_VALUES[:NUM_SYMBOLS]),
        {"accuracy": 1 / NUM_SYMBOLS},
    ),
    "parity": _Generator(_draw_parity, Tensor.float, 1, StepClasses(("even", "odd")), {"accuracy": 0.5}),
    "xor": _Generator(_draw_xor, Tensor.float, 2, SequenceClasses(("equal", "different")), {"accuracy": 0.5}),
}

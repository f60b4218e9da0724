"""Sequences as the inputs of an exported model, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seqtrain.serving.export.description import Description

Array: TypeAlias = npt.NDArray[Any]
Inputs: TypeAlias = dict[str, Array]


MAX_PADDED = 64  # letters that each word of a batch may be padded to, for models that repeat them


@dataclass(frozen=True)
class Arrays:
    """Sequences that `batch` makes into a batch of the inputs of a graph, by name."""

    lengths: Array
    batch: Callable[[Sequence[int]], Inputs]

    @classmethod
    def named(cls, name: str, values: Flat) -> Arrays:
        """Sequences of the input `name`, which has `lengths` beside it."""
        return cls(
            values.lengths, lambda indices: {name: values.pad(indices), "lengths": values.lengths[indices]}
        )


@dataclass(frozen=True)
class Flat:
    """Sequences of any length, with all values one after another."""

    values: Array
    lengths: Array  # (sequences,)

    @classmethod
    def of(cls, sequences: Sequence[Array]) -> Flat:
        return cls(np.concatenate(sequences), np.array(list(map(len, sequences))))

    @classmethod
    def of_letters(cls, words: Collection[str], ids: Mapping[str, int], unknown: int) -> Flat:
        """The ids of the letters of words."""
        codes = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), dtype="<u4")
        found, rows = np.unique(codes, return_inverse=True)
        values = np.array([ids.get(chr(code), unknown) for code in found.tolist()], dtype=np.int64)
        return cls(values[rows], np.array(list(map(len, words))))

    @property
    def starts(self) -> Array:
        return np.asarray(self.lengths.cumsum() - self.lengths)

    def pad(self, indices: Sequence[int] | Array) -> Array:
        """The sequences at `indices`, (len(indices), time, ...), padded with zeros."""
        lengths = self.lengths[indices]
        steps = np.arange(lengths.max())
        valid = steps < lengths[:, None]
        padded = np.zeros((*valid.shape, *self.values.shape[1:]), dtype=self.values.dtype)
        padded[valid] = self.values[(self.starts[indices, None] + steps)[valid]]
        return padded


class Sentences:
    """Sentences as the ids of their words and of the letters of each distinct spelling.

    Args:
        sentences: each has words, and each word letters.
        description: of the model, which has the ids.
        repeats_letters: whether the model reads the letters of every word, (batch, time, letters), as those
            of version 0.2 do.
    """

    def __init__(
        self, sentences: Sequence[Sequence[str]], description: Description, repeats_letters: bool
    ) -> None:
        words, characters = description.words, description.characters
        assert words is not None
        assert characters is not None
        unknown = description.unknown
        numbers: dict[str, int] = {}  # of the distinct spellings, in order of appearance
        rows = [numbers.setdefault(word, len(numbers)) for sentence in sentences for word in sentence]
        self.lengths = np.array([len(words) for words in sentences])
        self._spelling = Flat(np.array(rows, dtype=np.int64), self.lengths)
        self._word = np.array([words.get(form.lower(), unknown) for form in numbers], dtype=np.int64)
        self._letters = Flat.of_letters(numbers, characters, unknown)
        self._repeats_letters = repeats_letters
        self.num_letters = np.add.reduceat(self._letters.lengths[rows], self._spelling.starts)
        if repeats_letters:
            longest = np.maximum.reduceat(self._letters.lengths[rows], self._spelling.starts)
            self.num_letters = np.where(longest > MAX_PADDED, 1 << 30, MAX_PADDED * self.lengths)

    def batch(self, indices: Sequence[int]) -> Inputs:
        """The ids, padded with 0."""
        lengths = self.lengths[indices]
        valid = np.arange(lengths.max()) < lengths[:, None]
        spelling = self._spelling.pad(indices)
        words = np.where(valid, self._word[spelling], 0)
        chosen, found = np.unique(spelling[valid], return_inverse=True)
        letters = self._letters.pad(chosen)
        spelling[valid] = found
        inputs = {"words": words, "lengths": lengths}
        if self._repeats_letters:
            return inputs | {"letters": letters[spelling] * valid[..., None]}
        return inputs | {"letters": letters, "spelling": spelling}

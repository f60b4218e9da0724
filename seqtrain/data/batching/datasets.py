"""Sequences in memory, from which padded batches are cut: vectors of one length or of any, and words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from seqtrain.data.sentences import check_words
from seqtrain.errors import DataError
from seqtrain.records import IGNORED, UNKNOWN, SequenceBatch, Words, filler_of, valid_steps
from seqtrain.spec import DataSpec, WordInputs


@dataclass(frozen=True)
class VectorDataset:
    """Sequences in one tensor, (num_sequences, time, features), padded behind `lengths`.

    With a `transform`, `inputs` may hold anything that it converts to (batch, time, features) float, such as
    the bytes of images. It is applied to the rows of a batch, so it may also make random changes.
    """

    inputs: Tensor
    lengths: Tensor  # (num_sequences,) int64
    targets: Tensor | None = None  # (num_sequences, ...), or (num_sequences, time, ...); see `SequenceBatch`
    transform: Callable[[Tensor], Tensor] | None = None
    has_target_per_step: bool = False

    def __post_init__(self) -> None:
        for name, value in (("lengths", self.lengths), ("targets", self.targets)):
            if value is not None and len(value) != len(self.inputs):
                raise ValueError(
                    f"{name} must have one entry for each of the {len(self.inputs)} sequences,"
                    f" got the shape {tuple(value.shape)}"
                )

    def batch(self, indices: Tensor | Sequence[int]) -> SequenceBatch:
        indices = torch.as_tensor(indices)
        lengths = self.lengths[indices]
        inputs = self.inputs[indices]
        if self.transform is not None:
            inputs = self.transform(inputs)
        time = int(lengths.max())
        targets = None if self.targets is None else self.targets[indices]
        if targets is not None and self.has_target_per_step:
            targets = targets[:, :time]
        return SequenceBatch(inputs[:, :time], lengths, targets)


class Flat:
    """Sequences that lie one after another in a tensor, without padding."""

    lengths: Tensor

    @cached_property
    def starts(self) -> Tensor:
        return self.lengths.cumsum(0) - self.lengths

    def locate(self, indices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Lengths and rows of some sequences, and which steps (batch, time) of a padded batch they fill."""
        lengths = self.lengths[indices]
        valid = valid_steps(lengths, int(lengths.max()))
        return lengths, (self.starts[indices, None] + torch.arange(valid.shape[1]))[valid], valid


def pad(values: Tensor, valid: Tensor, filler: float) -> Tensor:
    """Put the values of the valid steps in place: (batch, time, ...), with `filler` elsewhere."""
    padded = values.new_full((*valid.shape, *values.shape[1:]), filler)
    padded[valid] = values
    return padded


@dataclass(frozen=True)
class FlatDataset(Flat):
    """Sequences of vectors of any length, with a class or numbers for each, or for each of their steps."""

    inputs: Tensor  # (time steps of all sequences, features) float
    lengths: Tensor  # (num_sequences,) int64
    targets: Tensor | None = None  # (num_sequences,) or (time steps of all sequences,); see `SequenceBatch`
    has_target_per_step: bool = False

    def batch(self, indices: Tensor | Sequence[int]) -> SequenceBatch:
        indices = torch.as_tensor(indices)
        lengths, rows, valid = self.locate(indices)
        inputs, targets = pad(self.inputs[rows], valid, 0), self.targets
        if targets is not None:
            is_per_step = self.has_target_per_step
            targets = pad(targets[rows], valid, filler_of(targets)) if is_per_step else targets[indices]
        return SequenceBatch(inputs, lengths, targets)


@dataclass(frozen=True)
class Spellings(Flat):
    """What the model sees of each distinct spelling; the letters of all of them are concatenated."""

    forms: Sequence[str]
    word: Tensor  # (spellings,) id in the word vocabulary
    unseen: Tensor  # (spellings,) bool: not in train, whether in upper or lower case
    letters: Tensor  # (letters of all spellings,) id in the character vocabulary
    lengths: Tensor  # (spellings,) letters of each

    @classmethod
    def encode(
        cls, forms: Sequence[str], inputs: WordInputs, seen: Collection[str] | None = None
    ) -> Spellings:
        """`seen` are the lower-cased words of train; by default, the words that have an embedding."""
        words, characters = inputs.words.index(), inputs.characters.index()
        word = torch.tensor([words.get(form.lower(), UNKNOWN) for form in forms])
        if seen is None:
            unseen = (word == UNKNOWN) | (word >= inputs.words.num_counted + 2)
        else:
            unseen = torch.tensor([form.lower() not in seen for form in forms])
        letters = torch.tensor([characters.get(letter, UNKNOWN) for form in forms for letter in form])
        return cls(forms, word, unseen, letters, torch.tensor(list(map(len, forms))))

    def characters(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The letters of the chosen spellings, (chosen, letters) padded with 0, and their numbers."""
        numbers, rows, valid = self.locate(chosen)
        return pad(self.letters[rows], valid, 0), numbers


@dataclass(frozen=True)
class WordDataset(Flat):
    """Sentences of words, with a tag for each word, a class for each sentence, or neither."""

    lengths: Tensor  # (num_sentences,) int64
    form: Tensor  # (words of all sentences,) rows of `spellings`
    spellings: Spellings
    tags: Tensor | None = None  # (words of all sentences,)
    classes: Tensor | None = None  # (num_sentences,)

    @property
    def num_letters(self) -> Tensor:
        """(num_sentences,) the number of letters in the words of each."""
        sums = self.spellings.lengths[self.form].cumsum(0)
        return torch.diff(sums[self.lengths.cumsum(0) - 1], prepend=sums.new_zeros(1))

    def words(self, index: int) -> list[str]:
        """The words of one sentence, as they are spelt in the data."""
        start = int(self.starts[index])
        return [self.spellings.forms[form] for form in self.form[start : start + int(self.lengths[index])]]

    def batch(self, indices: Tensor | Sequence[int]) -> SequenceBatch:
        indices = torch.as_tensor(indices)
        lengths, rows, valid = self.locate(indices)
        form = self.form[rows]
        chosen, spelling = torch.unique(form, return_inverse=True)
        word = pad(self.spellings.word[form], valid, 0)
        words = Words(word, pad(spelling, valid, 0), *self.spellings.characters(chosen))
        if self.tags is None:
            return SequenceBatch(words, lengths, None if self.classes is None else self.classes[indices])
        targets = pad(self.tags[rows].long(), valid, IGNORED)
        unseen = pad(self.spellings.unseen[form], valid, False)
        return SequenceBatch(words, lengths, targets, unseen=unseen)


def encode_sentences(spec: DataSpec, sentences: Sequence[Sequence[str]]) -> WordDataset:
    """Sentences to predict on, encoded like the training data of the model.

    Raises:
        DataError: where there is nothing to encode, or an empty sentence or word.
    """
    assert isinstance(spec.inputs, WordInputs)
    if not sentences:
        raise DataError("no sentence to tag; expected at least one word")
    check_words(sentences)
    numbers: dict[str, int] = {}  # of the distinct spellings, in order of appearance
    form = [numbers.setdefault(word, len(numbers)) for sentence in sentences for word in sentence]
    lengths = torch.tensor([len(sentence) for sentence in sentences])
    return WordDataset(lengths, torch.tensor(form), Spellings.encode(list(numbers), spec.inputs))

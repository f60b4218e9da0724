"""Sentences as flat tensors of ids, from which padded batches of words are cut."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.data.sentences import check_words
from seqtrain.errors import DataError
from seqtrain.records import IGNORED, UNKNOWN, SequenceBatch, Words, valid_steps
from seqtrain.spec import DataSpec, Vocabulary, WordInputs


@dataclass(frozen=True)
class Spellings:
    """What the model sees of each distinct spelling; the letters of all of them are concatenated."""

    forms: Sequence[str]
    word: Tensor  # (spellings,) id in the word vocabulary
    unseen: Tensor  # (spellings,) bool: not in the training part, in any case
    letters: Tensor  # (letters of all spellings,) id in the character vocabulary
    num_letters: Tensor  # (spellings,)
    starts: Tensor  # (spellings,) place of the first letter

    @classmethod
    def encode(
        cls, forms: Sequence[str], inputs: WordInputs, seen: Collection[str] | None = None
    ) -> Spellings:
        """`seen` are the lower-cased words of the training part; without it, those that have an embedding."""
        words, characters = inputs.words.index(), inputs.characters.index()
        word = torch.tensor([words.get(form.lower(), UNKNOWN) for form in forms])
        num_letters = torch.tensor([len(form) for form in forms])
        return cls(
            forms=forms,
            word=word,
            unseen=_lacks_embedding(word, inputs.words)
            if seen is None
            else torch.tensor([form.lower() not in seen for form in forms]),
            letters=torch.tensor([characters.get(letter, UNKNOWN) for form in forms for letter in form]),
            num_letters=num_letters,
            starts=num_letters.cumsum(0) - num_letters,
        )

    def characters(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The letters of the chosen spellings, (chosen, letters) padded with 0, and their numbers."""
        numbers = self.num_letters[chosen]
        valid = valid_steps(numbers, int(numbers.max()))
        places = self.starts[chosen, None] + torch.arange(valid.shape[1])
        return self.letters[torch.where(valid, places, 0)] * valid, numbers


def _lacks_embedding(word: Tensor, words: Vocabulary) -> Tensor:
    return (word == UNKNOWN) | (word >= words.num_counted + 2)


class WordDataset:
    """Sentences of words, with a tag for each word or (`tags` None) without.

    `form` and `tags` are flat, (words of all sentences,); `form` holds rows of `spellings`.
    """

    def __init__(self, lengths: Tensor, form: Tensor, spellings: Spellings, tags: Tensor | None) -> None:
        self._lengths, self._form, self._spellings, self._tags = lengths, form, spellings, tags
        self._starts = lengths.cumsum(0) - lengths

    @property
    def lengths(self) -> Tensor:
        return self._lengths

    def words(self, index: int) -> list[str]:
        """The words of one sentence, as they are spelt in the data."""
        start = int(self._starts[index])
        return [self._spellings.forms[form] for form in self._form[start : start + int(self._lengths[index])]]

    def batch(self, indices: Tensor | Sequence[int]) -> SequenceBatch:
        indices = torch.as_tensor(indices)
        lengths = self._lengths[indices]
        valid = valid_steps(lengths, int(lengths.max()))
        places = (self._starts[indices, None] + torch.arange(valid.shape[1]))[valid]
        form = self._form[places]
        chosen, spelling = torch.unique(form, return_inverse=True)
        characters, num_characters = self._spellings.characters(chosen)

        def pad(values: Tensor, filler: int) -> Tensor:
            return values.new_full(valid.shape, filler).masked_scatter_(valid, values)

        words = Words(pad(self._spellings.word[form], 0), pad(spelling, 0), characters, num_characters)
        if self._tags is None:
            return SequenceBatch(words, lengths)
        return SequenceBatch(
            words,
            lengths,
            targets=pad(self._tags[places].long(), IGNORED),
            unseen=pad(self._spellings.unseen[form], False),
        )


def number_forms(words: Iterable[str]) -> tuple[list[str], list[int]]:
    """The distinct spellings in order of appearance, and the number of each word's spelling."""
    numbers: dict[str, int] = {}
    form = [numbers.setdefault(word, len(numbers)) for word in words]
    return list(numbers), form


def encode_sentences(spec: DataSpec, sentences: Sequence[Sequence[str]]) -> WordDataset:
    """Sentences to predict on, encoded as those that the model was trained on.

    Raises:
        DataError: where there is nothing to encode, or an empty sentence or word.
    """
    assert isinstance(spec.inputs, WordInputs)
    if not sentences:
        raise DataError("no sentence to tag; expected at least one word")
    check_words(sentences)
    forms, form = number_forms(word for sentence in sentences for word in sentence)
    lengths = torch.tensor([len(sentence) for sentence in sentences])
    return WordDataset(lengths, torch.tensor(form), Spellings.encode(forms, spec.inputs), tags=None)

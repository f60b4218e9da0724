from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seqtrain.data import WordDataset, encode_sentences
from seqtrain.data.batching.word_dataset import Spellings
from seqtrain.errors import DataError
from seqtrain.records import IGNORED, Words
from seqtrain.spec import DataSpec, StepClasses, Vocabulary, WordInputs

INPUTS = WordInputs(
    words=Vocabulary(("run", "back", "x"), (3, 2, 1)),  # ids 2, 3, 4
    characters=Vocabulary(("r", "u", "n", "b"), (4, 3, 2, 1)),  # ids 2, 3, 4, 5
)
SPEC = DataSpec(INPUTS, StepClasses(("ADV", "VERB")))


def tagged() -> WordDataset:
    forms = ["run", "Run", "be", "back"]
    spellings = Spellings.encode(forms, INPUTS, seen={"run", "be"})
    return WordDataset(
        lengths=torch.tensor([2, 3, 1]),
        form=torch.tensor([0, 3, 1, 2, 1, 0]),  # run back | Run be Run | run
        spellings=spellings,
        tags=torch.tensor([1, 0, 1, 1, 1, 1]),
    )


def test_a_batch_is_padded_and_tells_each_spelling_once() -> None:
    batch = tagged().batch([1, 0])
    words = batch.inputs
    assert isinstance(words, Words)
    assert batch.lengths.tolist() == [3, 2]
    assert words.word.tolist() == [[2, 1, 2], [2, 3, 0]]  # "be" is seen in training but not in the vocabulary
    assert batch.targets.tolist() == [[1, 1, 1], [1, 0, IGNORED]]
    assert batch.unseen.tolist() == [[False, False, False], [False, True, False]]
    assert words.spelling.tolist() == [[1, 2, 1], [0, 3, 0]]
    assert words.num_characters.tolist() == [3, 3, 2, 4]
    assert words.characters.tolist() == [[2, 3, 4, 0], [1, 3, 4, 0], [5, 1, 0, 0], [5, 1, 1, 1]]


def test_spellings_of_other_sentences_stay_out() -> None:
    words = tagged().batch(torch.tensor([2])).inputs
    assert words.characters.tolist() == [[2, 3, 4]]
    assert words.spelling.tolist() == [[0]]


def test_lengths() -> None:
    assert tagged().lengths.tolist() == [2, 3, 1]


def test_the_words_of_a_sentence() -> None:
    assert [tagged().words(index) for index in range(3)] == [["run", "back"], ["Run", "be", "Run"], ["run"]]


def test_text_is_encoded_as_in_training() -> None:
    sentences = [["RUN", "away"], ["back"]]
    dataset = encode_sentences(SPEC, sentences)
    batch = dataset.batch([0, 1])
    assert batch.inputs.word.tolist() == [[2, 1], [3, 0]]
    assert batch.inputs.characters[batch.inputs.spelling[1, 0]].tolist() == [5, 1, 1, 1]
    assert batch.targets is None
    assert batch.unseen is None


def test_words_known_for_their_vectors_alone_are_not_seen() -> None:
    inputs = replace(INPUTS, words=Vocabulary(("run", "back"), (3, 0)), vector_size=1)
    spellings = Spellings.encode(["Run", "back", "be"], inputs)
    assert spellings.word.tolist() == [2, 3, 1]
    assert spellings.unseen.tolist() == [False, True, True]


def test_a_word_means_the_same_in_any_batch() -> None:
    dataset = encode_sentences(SPEC, [["run", "nub"], ["a" * 40, "run", "bun"], ["nub"]])
    wide, narrow = dataset.batch([0, 1, 2]).inputs, dataset.batch([2]).inputs
    row = wide.characters[wide.spelling[2, 0]]
    assert row[:3].tolist() == narrow.characters[narrow.spelling[0, 0]].tolist() == [4, 3, 5]
    assert row[3:].eq(0).all()


@pytest.mark.parametrize(
    ("sentences", "problem"),
    [
        ([], "no sentence to tag; expected at least one word"),
        ([["a"], []], "sentence 2 has no words"),
        ([["a", ""]], "sentence 1 has an empty word"),
    ],
)
def test_nothing_to_tag(sentences: list[list[str]], problem: str) -> None:
    with pytest.raises(DataError) as caught:
        encode_sentences(SPEC, sentences)
    assert str(caught.value) == problem

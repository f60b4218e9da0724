from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seqtrain.data import Dataset, FlatDataset, VectorDataset, WordDataset, encode_sentences
from seqtrain.data.batching.datasets import Spellings
from seqtrain.errors import DataError
from seqtrain.records import IGNORED, Words
from seqtrain.spec import DataSpec, StepClasses, Vocabulary, WordInputs

VECTORS = torch.arange(24.0).view(3, 4, 2)
NUMBERS = torch.tensor([4, 1, 3])
FLAT = torch.arange(12.0).view(6, 2)
FLAT_LENGTHS = torch.tensor([1, 3, 2])


def test_a_batch_is_cut_to_its_longest_sequence() -> None:
    batch = VectorDataset(VECTORS, NUMBERS, torch.tensor([7, 8, 9])).batch([2, 1])
    assert torch.equal(batch.inputs, VECTORS[[2, 1], :3])
    assert batch.lengths.tolist() == [3, 1]
    assert batch.targets.tolist() == [9, 8]
    assert batch.unseen is None


@pytest.mark.parametrize("dataset", [VectorDataset(VECTORS, NUMBERS), FlatDataset(FLAT, FLAT_LENGTHS)])
def test_targets_may_be_unknown(dataset: Dataset) -> None:
    assert dataset.batch(torch.tensor([1])).targets is None


def test_the_transform_sees_the_rows_of_the_batch() -> None:
    dataset = VectorDataset(VECTORS, torch.tensor([2, 2, 2]), transform=lambda rows: rows.transpose(1, 2) + 1)
    assert torch.equal(dataset.batch([1]).inputs, VECTORS[[1]].transpose(1, 2) + 1)


@pytest.mark.parametrize("name", ["lengths", "targets"])
def test_as_many_entries_as_sequences_are_needed(name: str) -> None:
    fields = {"lengths": torch.ones(3).long(), "targets": torch.ones(3).long(), name: torch.ones(2).long()}
    with pytest.raises(ValueError, match=rf"^{name} must have one entry for each of the 3 sequences, got"):
        VectorDataset(VECTORS, **fields)


def test_flat_sequences_are_padded_to_the_longest_of_a_batch() -> None:
    batch = FlatDataset(FLAT, FLAT_LENGTHS, torch.tensor([7, 8, 9])).batch([2, 0])
    assert batch.inputs.tolist() == [[[8, 9], [10, 11]], [[0, 1], [0, 0]]]
    assert batch.lengths.tolist() == [2, 1]
    assert batch.targets.tolist() == [9, 7]


def test_targets_of_time_steps_are_padded_with_what_is_ignored() -> None:
    targets = torch.tensor([5, 6, 7, 8, 9, 4])
    batch = FlatDataset(FLAT, FLAT_LENGTHS, targets, has_target_per_step=True).batch([0, 1])
    assert batch.targets.tolist() == [[5, -100, -100], [6, 7, 8]]


WORDS = WordInputs(
    words=Vocabulary(("run", "back", "x"), (3, 2, 1)),  # ids 2, 3, 4
    characters=Vocabulary(("r", "u", "n", "b"), (4, 3, 2, 1)),  # ids 2, 3, 4, 5
)
SPEC = DataSpec(WORDS, StepClasses(("ADV", "VERB")))


def tagged() -> WordDataset:
    forms = ["run", "Run", "be", "back"]
    spellings = Spellings.encode(forms, WORDS, seen={"run", "be"})
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
    inputs = replace(WORDS, words=Vocabulary(("run", "back"), (3, 0)), vector_size=1)
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

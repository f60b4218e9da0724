"""Batches on their way to a device."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqtrain.predictions import TaggedSentence
from seqtrain.records import IGNORED, SequenceBatch, Words


@pytest.fixture
def batch() -> SequenceBatch:
    words = Words(torch.ones(2, 3), torch.ones(2, 3), torch.ones(4, 5), torch.tensor([5, 1, 2, 3]))
    targets, unseen = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
    return SequenceBatch(words, torch.tensor([3, 1]), targets, unseen)


def test_the_first_steps_of_a_batch() -> None:
    targets = torch.arange(12).reshape(2, 6)
    words = Words(targets, targets, torch.ones(3, 4), torch.ones(3))
    first = SequenceBatch(words, torch.tensor([6, 2]), targets, targets > 3).first_steps(3)
    assert first.lengths.tolist() == [3, 2]
    assert first.inputs.word.tolist() == first.targets.tolist() == [[0, 1, 2], [6, 7, 8]]
    assert first.unseen.shape == (2, 3)
    assert first.inputs.characters is words.characters
    classes = SequenceBatch(torch.ones(2, 6, 1), torch.tensor([6, 2]), torch.tensor([0, 1])).first_steps(3)
    assert classes.inputs.shape == (2, 3, 1)
    assert classes.targets.tolist() == [0, 1]


def test_lengths_stay_on_the_cpu(batch: SequenceBatch) -> None:
    moved = batch.to("meta")
    assert isinstance(moved.inputs, Words)
    inputs = moved.inputs
    on_device = (inputs.word, inputs.spelling, inputs.characters, moved.targets, moved.unseen)
    assert {tensor.device.type for tensor in on_device if tensor is not None} == {"meta"}
    assert moved.lengths.tolist() == [3, 1]
    assert moved.inputs.num_characters.tolist() == [5, 1, 2, 3]


def test_vectors_and_missing_targets_move_too() -> None:
    moved = SequenceBatch(torch.ones(2, 3, 4), torch.tensor([3, 3])).to("meta")
    assert isinstance(moved.inputs, Tensor)
    assert moved.inputs.device.type == "meta"
    assert moved.targets is None
    assert moved.unseen is None


def test_targets_are_counted_before_a_batch_moves() -> None:
    targets = torch.tensor([[0, IGNORED], [2, 1]])
    there = SequenceBatch(torch.zeros(2, 2, 3), torch.tensor([2, 2]), targets).to("meta")
    assert there.num_valid == 3  # on meta nothing could be counted
    assert SequenceBatch(torch.zeros(2, 2, 3), torch.tensor([2, 2])).num_valid == 0


def test_what_goes_to_a_gpu_is_pinned(batch: SequenceBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[tuple[int, ...]] = []

    def pin(tensor: Tensor) -> Tensor:
        pinned.append(tuple(tensor.shape))
        return tensor

    monkeypatch.setattr(Tensor, "pin_memory", pin)
    batch.pin_memory()
    assert pinned == [(2, 3), (2, 3), (4, 5), (2, 3), (2, 3)]  # word, spelling, characters, targets, unseen


def test_a_sentence_is_as_long_as_its_tokens() -> None:
    assert len(TaggedSentence(("the", "dog"), ("DET", "NOUN"), (0.9, 0.8))) == 2

"""Batches on their way to a device, and the data's promise on its way through a checkpoint."""

from __future__ import annotations

import io
from dataclasses import asdict

import pytest
import torch
from torch import Tensor

from seqtrain.records import IGNORED, DataSpec, SequenceBatch, Vocabulary, Words


@pytest.fixture
def batch() -> SequenceBatch:
    words = Words(torch.ones(2, 3), torch.ones(2, 3), torch.ones(4, 5), torch.tensor([5, 1, 2, 3]))
    targets, unseen = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
    return SequenceBatch(words, torch.tensor([3, 1]), targets, unseen)


def test_lengths_stay_on_the_cpu(batch: SequenceBatch) -> None:
    moved = batch.to("meta")
    assert isinstance(moved.inputs, Words)
    on_device = (
        moved.inputs.word,
        moved.inputs.spelling,
        moved.inputs.characters,
        moved.targets,
        moved.unseen,
    )
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


def test_spec_survives_a_checkpoint() -> None:
    spec = DataSpec(
        target_names=("NOUN", "VERB"),
        words=Vocabulary(("light", "run"), (3, 1)),
        characters=Vocabulary(("a",), (7,)),
    )
    file = io.BytesIO()
    torch.save(spec.to_dict(), file)
    file.seek(0)
    assert DataSpec.from_dict(torch.load(file, weights_only=True)) == spec
    images = DataSpec(target_names=("0", "1"), feature_size=28, view="rows", image_size=(28, 28))
    assert DataSpec.from_dict(images.to_dict()) == images


def test_spec_as_plain_values_copies_no_vocabulary() -> None:
    spec = DataSpec(("A",), words=Vocabulary(("light",), (2,)), view=None)
    plain = spec.to_dict()
    assert plain == asdict(spec)
    assert plain["words"]["entries"] is spec.words.entries


def test_spec_of_a_checkpoint_from_before_word_vectors() -> None:
    spec = DataSpec(("A",), words=Vocabulary(("light",), (0,)), vector_size=3)
    plain = spec.to_dict()
    assert DataSpec.from_dict(plain) == spec
    del plain["vector_size"]
    assert DataSpec.from_dict(plain).vector_size is None


def test_another_tag_scheme_of_an_earlier_version_is_no_other_data() -> None:
    spec = DataSpec(("B-X", "I-X", "O"), feature_size=1, tag_scheme="bio")
    saved = spec.to_dict() | {"tag_scheme": "iob"}
    assert DataSpec.from_dict(saved).tag_scheme == "iob"
    assert DataSpec.from_dict(saved) == spec


def test_vocabulary_counts_from_two() -> None:
    vocabulary = Vocabulary(("light", "run"), (3, 1))
    assert vocabulary.index() == {"light": 2, "run": 3}  # 0 is padding, 1 the unknown
    assert len(vocabulary) == 4

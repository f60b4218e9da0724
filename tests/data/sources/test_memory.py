from __future__ import annotations

import pytest
import torch

from seqtrain.data import Corpus, Memory
from seqtrain.records import IGNORED, SequenceBatch

CLASSES = ("recall", "copy", "parity", "xor")
PROBLEMS = ("adding", *CLASSES)


def load(problem: str, length: int = 12, train_size: int = 300) -> Corpus:
    return Memory(
        problem=problem, length=length, train_size=train_size, batch_size=32, eval_batch_size=500
    ).load()


def read(corpus: Corpus, split: str = "train") -> SequenceBatch:
    return corpus.splits[split].batch(range(len(corpus.splits[split].lengths)))


@pytest.mark.parametrize("problem", PROBLEMS)
def test_all_sequences_are_as_long_and_as_wide_as_said(problem: str) -> None:
    corpus = load(problem)
    assert {name: len(split.lengths) for name, split in corpus.splits.items()} == {
        "train": 300,
        "dev": 2000,
        "test": 2000,
    }
    batch = read(corpus)
    assert batch.inputs.shape == (300, 12 + 20 * (problem == "copy"), corpus.spec.inputs.feature_size)
    assert batch.lengths.eq(batch.inputs.shape[1]).all()
    assert batch.targets.ndim == 1 + (corpus.spec.targets.per_step or problem == "adding")


@pytest.mark.parametrize("problem", CLASSES)
def test_every_class_is_about_as_frequent_as_the_others(problem: str) -> None:
    corpus = load(problem)
    targets = read(corpus, "test").targets
    shares = targets[targets != IGNORED].bincount() / (targets != IGNORED).sum()
    (chance,) = corpus.chance.values()
    assert len(shares) == corpus.spec.targets.num_targets
    assert torch.allclose(shares, torch.tensor(chance), atol=0.04)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_sequences_are_the_same_ones_each_time_and_others_in_each_split(problem: str) -> None:
    first, again = (read(load(problem)).inputs for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, read(load(problem), "test").inputs[:300])


def test_adding_asks_for_the_sum_of_the_two_marked_numbers() -> None:
    corpus = load("adding")
    batch = read(corpus, "test")
    numbers, marks = batch.inputs.unbind(dim=2)
    assert marks.sum(dim=1).eq(2).all()
    assert torch.allclose(numbers[marks.bool()].view(-1, 2).sum(dim=1, keepdim=True), batch.targets)
    error = batch.targets - 1
    assert corpus.chance["mse"] == pytest.approx(float(error.square().mean()), rel=0.05)
    assert corpus.chance["mae"] == pytest.approx(float(error.abs().mean()), rel=0.05)


def test_recall_asks_for_the_first_value() -> None:
    batch = read(load("recall"))
    assert torch.equal(batch.inputs[:, 0].argmax(dim=1), batch.targets)
    assert batch.inputs.sum(dim=2).eq(1).all()


def test_copy_asks_for_the_symbols_after_the_sign_to_repeat() -> None:
    batch = read(load("copy"))
    seen = batch.inputs.argmax(dim=2)
    assert torch.equal(seen[:, :10], batch.targets[:, -10:])
    assert batch.targets[:, :-10].eq(IGNORED).all()
    assert seen[:, 10:].eq(9).sum(dim=1).eq(1).all()
    assert seen[:, -10].eq(9).all()


def test_parity_counts_the_ones_so_far() -> None:
    batch = read(load("parity"))
    assert torch.equal(batch.inputs[:, :, 0].cumsum(dim=1) % 2, batch.targets.float())


@pytest.mark.parametrize("length", [2, 12, 13])
def test_xor_compares_the_two_marked_bits(length: int) -> None:
    bits, marks = read(load("xor", length)).inputs.unbind(dim=2)
    assert marks[:, : length // 2].sum(dim=1).eq(1).all()
    assert marks.sum(dim=1).eq(2).all()
    chosen = bits[marks.bool()].view(-1, 2)
    assert torch.equal(chosen[:, 0] != chosen[:, 1], read(load("xor", length)).targets.bool())


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(
        ValueError, match="problem must be one of adding, recall, copy, parity, xor, got 'add'"
    ):
        load("add")
    with pytest.raises(ValueError, match="length must be at least 2, got 1"):
        load("recall", length=1)

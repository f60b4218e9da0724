from __future__ import annotations

import pytest
import torch

from seqtrain.data import Batching, BatchLoader, BatchSampler, FixedLoader, VectorDataset

NUM_SEQUENCES, NUM_BATCHES = 10, 4


@pytest.fixture
def dataset() -> VectorDataset:
    numbers = torch.arange(NUM_SEQUENCES)
    return VectorDataset(numbers.float().view(-1, 1, 1), torch.ones(NUM_SEQUENCES).long(), numbers)


@pytest.fixture
def sampler(dataset: VectorDataset) -> BatchSampler:
    return BatchSampler(dataset.lengths, Batching(3, None, 1), seed=0)


@pytest.fixture
def epochs(sampler: BatchSampler) -> list[list[list[int]]]:
    """What each epoch must give."""
    return [[batch.tolist() for batch in sampler.batches(epoch)] for epoch in range(4)]


def seen(loader: BatchLoader | FixedLoader) -> list[list[int]]:
    return [batch.targets.tolist() for batch in loader if batch.targets is not None]


def test_passes_count_the_epochs(dataset, sampler, epochs) -> None:
    loader = BatchLoader(dataset, sampler)
    assert len(loader) == NUM_BATCHES
    assert [seen(loader) for _ in range(3)] == epochs[:3]


def test_an_iterator_that_is_never_used_changes_nothing(dataset, sampler, epochs) -> None:
    loader = BatchLoader(dataset, sampler)
    iter(loader)
    assert seen(loader) == epochs[0]
    iter(loader)
    assert seen(loader) == epochs[1]


def test_a_pass_that_was_broken_off_is_over(dataset, sampler, epochs) -> None:
    loader = BatchLoader(dataset, sampler)
    next(iter(loader))
    assert seen(loader) == epochs[1]


def test_the_trainer_may_name_the_epoch(dataset, sampler, epochs) -> None:
    loader = BatchLoader(dataset, sampler)
    iterator = iter(loader)
    loader.sampler.set_epoch(3)  # after iter() and before the first batch, as Lightning does it
    assert [batch.targets.tolist() for batch in iterator] == epochs[3]
    loader.sampler.set_epoch(1)
    assert seen(loader) == epochs[1]


@pytest.mark.parametrize("given", range(NUM_BATCHES + 1))
@pytest.mark.parametrize("named", [False, True])
def test_a_loaded_state_goes_on_where_it_was_saved(dataset, sampler, epochs, given: int, named: bool) -> None:
    loader = BatchLoader(dataset, sampler)
    loader.set_epoch(1)
    iterator = iter(loader)
    for _ in range(given):
        next(iterator)
    resumed = BatchLoader(dataset, sampler)
    resumed.load_state_dict(loader.state_dict())
    if named:
        resumed.set_epoch(1)
    assert seen(resumed) == epochs[1][given:]
    assert seen(resumed) == epochs[2]


def test_the_next_epoch_starts_at_its_beginning_after_a_state_from_within_the_last(
    dataset, sampler, epochs
) -> None:
    loader = BatchLoader(dataset, sampler)
    loader.load_state_dict({"epoch": 1, "batches_given": 2})
    loader.set_epoch(2)
    assert seen(loader) == epochs[2]


def test_fixed_batches_repeat(dataset) -> None:
    loader = FixedLoader(dataset, [torch.tensor([4, 2]), torch.tensor([0])])
    assert len(loader) == 2
    assert seen(loader) == seen(loader) == [[4, 2], [0]]

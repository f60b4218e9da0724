from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqtrain.data import Batching, BatchLoader, BatchSampler, FixedLoader, VectorDataset, sorted_batches

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=300).map(torch.tensor)


def flat(batches: list[Tensor]) -> list[int]:
    return torch.cat(batches).tolist()


def words(lengths: Tensor, batches: list[Tensor]) -> list[int]:
    return [int(lengths[batch].sum()) for batch in batches]


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 40), st.none() | st.integers(1, 200), st.integers(0, 5))
def test_every_epoch_has_each_sequence_once_within_the_bounds(
    lengths: Tensor, batch_size: int, max_tokens: int | None, epoch: int
) -> None:
    sampler = BatchSampler(lengths, Batching(batch_size, max_tokens, 1), seed=3)
    batches = sampler.batches(epoch)
    assert sorted(flat(batches)) == list(range(len(lengths)))
    assert len(batches) == len(sampler)
    for batch in batches:
        assert len(batch) <= batch_size
        assert lengths[batch].diff().le(0).all()  # longest first
        if max_tokens is not None and lengths[batch].sum() > max_tokens:
            assert len(batch) == 1


def test_draws_depend_on_seed_and_epoch_alone() -> None:
    lengths = torch.randint(1, 40, (200,), generator=torch.Generator().manual_seed(0))
    batching = Batching(16, None, 1)

    def draw(seed: int, epoch: int) -> list[int]:
        return flat(BatchSampler(lengths, batching, seed).batches(epoch))

    state = torch.random.get_rng_state()
    assert draw(0, 0) == draw(0, 0)
    assert draw(0, 0) != draw(0, 1)
    assert draw(0, 0) != draw(1, 0)
    assert draw(0, 1) != draw(1, 0)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_order_is_the_same_on_every_platform() -> None:
    sampler = BatchSampler(torch.tensor([3, 1, 2, 1, 3, 2]), Batching(2, None, 1), seed=0)
    assert [batch.tolist() for batch in sampler.batches(0)] == [[4, 1], [5, 2], [0, 3]]


def test_equal_lengths_are_shuffled_plainly_into_batches_of_one_size() -> None:
    sampler = BatchSampler(torch.full((1257,), 8), Batching(32, None, 1), seed=0)
    batches = sampler.batches(0)
    assert len(batches) == 40  # 1257 / 32, rounded up
    assert {len(batch) for batch in batches} == {31, 32}
    together = torch.zeros(1257, 1257)
    for epoch in range(200):
        for batch in sampler.batches(epoch):
            together[batch[:, None], batch] += 1
    # Two sequences share one of 40 batches in about every fortieth epoch: 200 * 30.4 / 1256 = 4.84 times.
    together.fill_diagonal_(0)
    assert together.sum() / (1257 * 1256) == pytest.approx(4.85, abs=0.05)
    assert together.max() < 25


def test_batches_hold_similar_lengths_and_differ_between_epochs() -> None:
    lengths = torch.randint(1, 101, (4000,), generator=torch.Generator().manual_seed(1))
    sampler = BatchSampler(lengths, Batching(32, None, 1), seed=0)
    first, second = sampler.batches(0), sampler.batches(1)
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in first)
    shuffled = sum(len(part) * int(part.max()) for part in lengths.split(32))
    assert padded / int(lengths.sum()) < 1.2 < 1.8 < shuffled / int(lengths.sum())
    assert not {frozenset(batch.tolist()) for batch in first} & {frozenset(b.tolist()) for b in second}
    means = torch.tensor([float(lengths[batch].float().mean()) for batch in first])
    assert means.diff().abs().mean() > 10  # short and long batches alternate at random


def test_batches_fill_the_bound_on_words() -> None:
    lengths = torch.randint(1, 51, (4000,), generator=torch.Generator().manual_seed(1))
    sampler = BatchSampler(lengths, Batching(10_000, 600, 1), seed=0)
    counts = words(lengths, sampler.batches(0))
    assert max(counts) <= 600
    assert sum(counts) / len(counts) > 0.93 * 600


def test_a_sequence_above_the_bound_makes_a_batch_of_its_own() -> None:
    lengths = torch.tensor([4, 90, 5, 80, 3])
    batches = BatchSampler(lengths, Batching(8, 12, 1), seed=0).batches(0)
    assert sorted(words(lengths, batches)) == [12, 80, 90]


def test_fewer_sequences_than_processes_are_repeated() -> None:
    sampler = [BatchSampler(torch.tensor([3]), Batching(4, None, 1), 0, rank, 3) for rank in range(3)]
    assert [[batch.tolist() for batch in each.batches(2)] for each in sampler] == [[[0]]] * 3


def test_evaluation_goes_from_the_longest_to_the_shortest() -> None:
    lengths = torch.tensor([2, 7, 2, 9, 1])
    assert [batch.tolist() for batch in sorted_batches(lengths, 2)] == [[3, 1], [0, 2], [4]]
    assert [batch.tolist() for batch in sorted_batches(lengths, 2, rank=1, world_size=2)] == [[0, 2]]


@pytest.mark.parametrize(("num", "world_size"), [(41, 2), (40, 2), (7, 3), (2, 3)])
def test_processes_evaluate_every_sequence_once(num: int, world_size: int) -> None:
    lengths = torch.arange(num) % 9 + 1
    shares = [sorted_batches(lengths, 16, rank, world_size) for rank in range(world_size)]
    drawn = torch.cat([batch for share in shares for batch in share])
    assert drawn.sort().values.tolist() == list(range(num))


@pytest.mark.parametrize("name", ["batch_size", "max_tokens", "eval_batch_size"])
def test_a_batch_of_nothing_is_refused(name: str) -> None:
    sizes = {"batch_size": 1, "max_tokens": 1, "eval_batch_size": 1, name: 0}
    with pytest.raises(ValueError, match=rf"^{name} must be at least 1, got 0$"):
        Batching(**sizes)


@pytest.mark.parametrize(("num", "world_size"), [(41, 2), (40, 2), (7, 3), (100, 8)])
def test_processes_share_every_sequence_evenly(num: int, world_size: int) -> None:
    lengths = torch.arange(num) % 9 + 1
    shares = [
        BatchSampler(lengths, Batching(4, None, 4), 3, rank, world_size).batches(1)
        for rank in range(world_size)
    ]
    assert len({len(share) for share in shares}) == 1
    drawn = torch.cat([batch for share in shares for batch in share])
    assert drawn.sort().values.tolist() == list(range(num))


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

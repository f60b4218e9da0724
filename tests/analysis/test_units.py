from __future__ import annotations

import math

import pytest
import torch

from seqtrain.analysis.final_states import UnitStatistics, effective_rank


def computed(*states: torch.Tensor) -> list[dict[str, float]]:
    statistics = UnitStatistics()
    for state in states:
        statistics.update(state)
    return statistics.compute()


def test_dead_units_are_those_that_hardly_vary() -> None:
    varied = torch.linspace(-1, 1, 50)
    state = torch.stack((varied, 0.9 + 0.001 * varied, torch.zeros(50), 0.1 * varied), dim=1)[None]
    assert computed(state)[0]["dead"] == 0.5


def test_effective_rank_is_that_of_the_centred_states() -> None:
    state = torch.randn(3, 40, 8, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.1, 3, 8) + 5
    for rows, row in zip(computed(state), state.double(), strict=True):
        values = torch.linalg.svdvals(row - row.mean(dim=0))
        shares = values / values.sum()
        expected = math.exp(-(shares * shares.log()).sum().item())
        assert rows["effective_rank"] == pytest.approx(expected, rel=1e-6)


def test_states_on_a_line_have_rank_one() -> None:
    line = torch.linspace(-1, 1, 30)[:, None] * torch.linspace(0.5, 1, 16)
    assert computed(line[None])[0]["effective_rank"] == pytest.approx(1.0, abs=1e-4)


def test_equal_states_have_rank_zero_and_dead_units_only() -> None:
    assert computed(torch.full((1, 9, 4), 0.3)) == [{"dead": 1.0, "effective_rank": 0.0}]


def test_order_and_size_of_the_batches_change_nothing() -> None:
    state = torch.randn(2, 61, 6, generator=torch.Generator().manual_seed(1)) * 0.02 + 100
    whole = computed(state)
    shuffled = state[:, torch.randperm(61, generator=torch.Generator().manual_seed(2))]
    for row, other in zip(whole, computed(*shuffled.split([1, 40, 7, 13], dim=1)), strict=True):
        assert other == pytest.approx(row, rel=1e-6)


def test_without_an_update_there_is_nothing() -> None:
    assert computed() == []


def test_a_uniform_spectrum_fills_all_directions() -> None:
    assert effective_rank(torch.ones(2, 5)).tolist() == pytest.approx([5.0, 5.0])


def test_states_that_are_not_finite_have_no_rank() -> None:
    states = torch.randn(2, 40, 3, generator=torch.Generator().manual_seed(0))
    states[0, 5, 1] = torch.nan
    statistics = UnitStatistics()
    statistics.update(states)
    broken, sound = statistics.compute()
    assert math.isnan(broken["effective_rank"])
    assert sound["effective_rank"] == pytest.approx(3, abs=0.1)

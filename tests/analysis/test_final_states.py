from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from seqtrain.analysis.final_states import (
    FinalStateStatistics,
    StateStatistics,
    UnitStatistics,
    effective_rank,
)
from seqtrain.analysis.histogram import Histogram
from seqtrain.records import FinalState, StepOutput


def computed(
    name: str, num_directions: int, *states: Tensor
) -> tuple[dict[str, float], dict[str, Histogram]]:
    statistics = StateStatistics(name, num_directions)
    for state in states:
        statistics.update(state)
    return statistics.compute()


def expected(state: Tensor, bounded: Tensor) -> dict[str, float]:
    return {
        "mean": state.mean().item(),
        "std": state.std(unbiased=False).item(),
        "min": state.min().item(),
        "max": state.max().item(),
        "norm": state.norm(dim=1).mean().item(),
        "saturation": (bounded.abs() > 0.97).double().mean().item(),
    }


def test_known_numbers_by_eye() -> None:
    state = torch.tensor([[[3.0, 4.0], [0.0, 0.0], [-1.0, 0.0]]])  # one row, three sequences, two units
    scalars, _ = computed("h_n", 1, state)
    # The mean is 6 / 6, squares about it are 4 + 9 + 1 + 1 + 4 + 1, the norms (5 + 0 + 1) / 3.
    figures = {"mean": 1.0, "std": (20 / 6) ** 0.5, "min": -1.0, "max": 4.0, "norm": 2.0, "saturation": 0.5}
    assert scalars == pytest.approx({f"h_n/layer0/forward/{name}": value for name, value in figures.items()})


@pytest.mark.parametrize("name", ["h_n", "c_n"])
def test_torchs_own_figures_for_every_layer_and_direction(name: str) -> None:
    state = torch.randn(6, 11, 13, generator=torch.Generator().manual_seed(0)) * 2
    scalars, _ = computed(name, 2, state)
    places = [f"layer{layer}/{way}" for layer in range(3) for way in ("forward", "backward")]
    figures = {
        f"{name}/{place}/{figure}": value
        for row, place in enumerate(places)
        for figure, value in expected(state[row], state[row].tanh() if name == "c_n" else state[row]).items()
    }
    assert scalars == pytest.approx(figures, rel=1e-5)
    assert list(scalars) == list(figures)


def test_batches_merged_equal_one_batch() -> None:
    state = torch.randn(4, 50, 7, generator=torch.Generator().manual_seed(0)) + 3
    whole, whole_histograms = computed("h_n", 2, state)
    parts, part_histograms = computed("h_n", 2, *state.split([1, 30, 2, 17], dim=1))
    assert parts == pytest.approx(whole, rel=1e-5)
    for tag, histogram in whole_histograms.items():
        assert torch.equal(part_histograms[tag].counts, histogram.counts)
        assert part_histograms[tag].num == histogram.num == 350
        assert part_histograms[tag].sum == pytest.approx(histogram.sum, rel=1e-5)
        assert part_histograms[tag].sum_squares == pytest.approx(histogram.sum_squares, rel=1e-5)


def test_a_large_mean_does_not_drown_a_small_deviation() -> None:
    state = 1000 + 0.01 * torch.randn(1, 4000, 4, generator=torch.Generator().manual_seed(0))
    scalars, _ = computed("c_n", 1, *state.split(100, dim=1))
    double = state.double()
    assert scalars["c_n/layer0/forward/std"] == pytest.approx(double.std(unbiased=False).item(), rel=0.01)


def test_a_histogram_has_the_sums_of_its_values() -> None:
    state = torch.randn(1, 400, 25, generator=torch.Generator().manual_seed(0)) * 5
    histogram = computed("c_n", 1, state)[1]["c_n/layer0/forward"]
    assert histogram.counts.sum().item() == histogram.num == 10000
    assert histogram.minimum == state.min().item()
    assert histogram.maximum == state.max().item()
    assert histogram.sum == pytest.approx(state.double().sum().item(), rel=1e-4)
    assert histogram.sum_squares == pytest.approx(state.double().square().sum().item(), rel=1e-5)


def test_units_are_judged_over_a_split_only() -> None:
    varied = torch.randn(1, 64, 3, generator=torch.Generator().manual_seed(0))
    state = torch.cat((varied, torch.full((1, 64, 1), 0.5)), dim=2)
    statistics = StateStatistics("h_n", 1, over_split=True)
    for part in state.split(10, dim=1):
        statistics.update(part)
    scalars, _ = statistics.compute()
    assert scalars["h_n/layer0/forward/dead"] == 0.25
    assert 2.5 < scalars["h_n/layer0/forward/effective_rank"] <= 3
    assert "h_n/layer0/forward/dead" not in computed("h_n", 1, state)[0]


def test_half_precision_is_summed_in_float32() -> None:
    state = torch.full((1, 4096, 4), 0.1, dtype=torch.bfloat16)
    scalars, _ = computed("h_n", 1, state)
    assert scalars["h_n/layer0/forward/mean"] == pytest.approx(state[0, 0, 0].item(), rel=1e-6)


def test_no_graph_is_kept() -> None:
    state = torch.ones(1, 2, 3, requires_grad=True)
    statistics = StateStatistics("h_n", 1)
    statistics.update(state * 2)
    assert statistics._sums is not None
    assert not statistics._sums.mean.requires_grad


def output(num_directions: int, *final_states: FinalState) -> StepOutput:
    return StepOutput(torch.tensor(0.0), 1, final_states, num_directions)


def test_c_n_is_there_where_there_is_a_cell_state() -> None:
    state = torch.ones(2, 3, 4)
    without, both = FinalStateStatistics(), FinalStateStatistics()
    without.update(output(2, FinalState(state)))
    both.update(output(2, FinalState(state, state)))
    assert {tag.split("/")[0] for tag in without.compute()[0]} == {"h_n"}
    ways = ("forward", "backward")
    assert set(both.compute()[1]) == {f"{s}/layer0/{way}" for s in ("h_n", "c_n") for way in ways}
    assert FinalStateStatistics().compute() == ({}, {})


def test_each_member_of_an_ensemble_has_rows_of_its_own() -> None:
    ones, twos = torch.ones(1, 5, 4), torch.full((1, 5, 4), 2.0)
    statistics = FinalStateStatistics()
    for _ in range(2):
        statistics.update(output(1, FinalState(ones, ones), FinalState(twos, twos)))
    scalars, histograms = statistics.compute()
    places = [f"{name}/member{member}/layer0/forward" for name in ("h_n", "c_n") for member in (0, 1)]
    assert sorted(histograms) == sorted(places)
    assert [scalars[f"{place}/norm"] for place in places] == [2.0, 4.0, 2.0, 4.0]
    assert [histogram.num for histogram in histograms.values()] == [40] * 4


def of_units(*states: torch.Tensor) -> list[dict[str, float]]:
    statistics = UnitStatistics()
    for state in states:
        statistics.update(state)
    return statistics.compute()


def test_dead_units_are_those_that_hardly_vary() -> None:
    varied = torch.linspace(-1, 1, 50)
    state = torch.stack((varied, 0.9 + 0.001 * varied, torch.zeros(50), 0.1 * varied), dim=1)[None]
    assert of_units(state)[0]["dead"] == 0.5


def test_effective_rank_is_that_of_the_centred_states() -> None:
    state = torch.randn(3, 40, 8, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.1, 3, 8) + 5
    for rows, row in zip(of_units(state), state.double(), strict=True):
        values = torch.linalg.svdvals(row - row.mean(dim=0))
        shares = values / values.sum()
        expected = math.exp(-(shares * shares.log()).sum().item())
        assert rows["effective_rank"] == pytest.approx(expected, rel=1e-6)


def test_states_on_a_line_have_rank_one() -> None:
    line = torch.linspace(-1, 1, 30)[:, None] * torch.linspace(0.5, 1, 16)
    assert of_units(line[None])[0]["effective_rank"] == pytest.approx(1.0, abs=1e-4)


def test_equal_states_have_rank_zero_and_dead_units_only() -> None:
    assert of_units(torch.full((1, 9, 4), 0.3)) == [{"dead": 1.0, "effective_rank": 0.0}]


def test_order_and_size_of_the_batches_change_nothing() -> None:
    state = torch.randn(2, 61, 6, generator=torch.Generator().manual_seed(1)) * 0.02 + 100
    whole = of_units(state)
    shuffled = state[:, torch.randperm(61, generator=torch.Generator().manual_seed(2))]
    for row, other in zip(whole, of_units(*shuffled.split([1, 40, 7, 13], dim=1)), strict=True):
        assert other == pytest.approx(row, rel=1e-6)


def test_without_an_update_there_is_nothing() -> None:
    assert of_units() == []


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

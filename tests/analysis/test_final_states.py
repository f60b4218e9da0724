from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqtrain.analysis.final_states import FinalStateStatistics, StateStatistics
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
    assert scalars == pytest.approx(
        {
            "h_n/layer0/forward/mean": 1.0,  # 6 / 6
            "h_n/layer0/forward/std": (20 / 6) ** 0.5,  # squares about 1: 4 + 9 + 1 + 1 + 4 + 1
            "h_n/layer0/forward/min": -1.0,
            "h_n/layer0/forward/max": 4.0,
            "h_n/layer0/forward/norm": 2.0,  # (5 + 0 + 1) / 3
            "h_n/layer0/forward/saturation": 0.5,  # 3, 4 and -1
        }
    )


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
    assert set(both.compute()[1]) == {
        f"{s}/layer0/{w}" for s in ("h_n", "c_n") for w in ("forward", "backward")
    }
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

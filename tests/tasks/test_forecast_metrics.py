from __future__ import annotations

import numpy as np
import pytest
import torch

from seqtrain.records import Origins
from seqtrain.spec import Horizon
from seqtrain.tasks import Forecasting, ForecastMetrics

LENGTH, SEASON = 3, 2
MEAN, DEVIATION, USUAL = (10.0, -5.0), (2.0, 4.0), (0.5, 0.25)


def targets(independent: bool) -> Horizon:
    return Horizon(("a", "b"), (MEAN, DEVIATION), LENGTH, independent, SEASON, USUAL)


@pytest.fixture
def windows() -> dict[str, torch.Tensor]:
    """Of two series: what came, what was predicted, what had been seen."""
    torch.manual_seed(0)
    sizes = {"targets": LENGTH, "predictions": LENGTH, "recent": SEASON}
    return {name: torch.randn(5, size, 2) for name, size in sizes.items()}


def measured(windows: dict[str, torch.Tensor], independent: bool, size: int) -> ForecastMetrics:
    metrics = ForecastMetrics(targets(independent))
    names = ("targets", "predictions", "recent")
    parts = {name: windows[name] for name in names}
    series = torch.tensor([[0, 1]]).expand(5, 2)
    if independent:  # each series of a window is a row of its own
        parts = {name: each.transpose(1, 2).reshape(10, -1, 1) for name, each in parts.items()}
        series = series.reshape(10, 1)
    for rows in torch.arange(len(series)).split(size):
        recent, chosen = parts["recent"][rows], series[rows]
        expected, predicted = parts["targets"][rows].flatten(1), parts["predictions"][rows].flatten(1)
        metrics.update(predicted, expected, torch.tensor(1.0))
        metrics.update_forecasts(predicted, expected, Origins(chosen, torch.zeros(chosen.shape), recent))
    return metrics


@pytest.mark.parametrize(("independent", "size"), [(False, 5), (False, 2), (True, 10), (True, 3)])
def test_errors_of_the_network_and_of_the_naive_forecasts(windows, independent: bool, size: int) -> None:
    found = measured(windows, independent, size).compute()
    values = {name: each.numpy() for name, each in windows.items()}
    forecasts = {
        "": values["predictions"],
        "naive/": values["recent"][:, -1:],
        "seasonal_naive/": values["recent"][:, [0, 1, 0]],
    }
    for name, forecast in forecasts.items():
        scaled = forecast - values["targets"]
        errors = np.abs(scaled * DEVIATION)
        assert found[f"{name}scaled_mae"] == pytest.approx(np.abs(scaled).mean(), rel=1e-5)
        assert found[f"{name}scaled_mse"] == pytest.approx(np.square(scaled).mean(), rel=1e-5)
        assert found[f"{name}mae"] == pytest.approx(errors.mean(), rel=1e-5)
        assert found[f"{name}rmse"] == pytest.approx(np.sqrt(np.square(errors).mean()), rel=1e-5)
        assert found[f"{name}mase"] == pytest.approx(
            (np.abs(scaled).mean(axis=(0, 1)) / USUAL).mean(), rel=1e-5
        )
    assert found["mae/b"] == pytest.approx(
        4 * np.abs(values["predictions"] - values["targets"])[..., 1].mean(), rel=1e-5
    )


def test_errors_by_the_number_of_rows_ahead(windows) -> None:
    header, *rows = measured(windows, independent=True, size=4).tables()["errors_by_horizon"]
    assert header == ["ahead", "error", "mae", "rmse", "naive_mae", "seasonal_naive_mae"]
    error = (windows["predictions"] - windows["targets"])[:, 1]
    assert rows[1] == [
        2,
        pytest.approx(float(error.mean()), abs=1e-5),
        pytest.approx(float(error.abs().mean()), rel=1e-5),
        pytest.approx(float(error.square().mean().sqrt()), rel=1e-5),
        pytest.approx(float((windows["recent"] - windows["targets"][:, 1:2])[:, -1].abs().mean()), rel=1e-5),
        pytest.approx(float((windows["recent"] - windows["targets"][:, 1:2])[:, 1].abs().mean()), rel=1e-5),
    ]


def test_without_a_season_there_is_one_naive_forecast() -> None:
    metrics = ForecastMetrics(Horizon(("a",), ((0.0,), (1.0,)), 1, True, 1, (0.0,)))
    origins = Origins(torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, 1), torch.ones(1, 1, 1))
    metrics.update(torch.ones(1, 1), torch.zeros(1, 1), torch.tensor(1.0))
    metrics.update_forecasts(torch.ones(1, 1), torch.zeros(1, 1), origins)
    found = metrics.compute()
    assert not [name for name in found if "seasonal" in name or "mase" in name]
    assert found["naive/mae"] == 1.0
    metrics.reset()
    assert metrics.is_empty


def test_a_naive_forecast_that_is_not_worse_is_told() -> None:
    metrics = {"test/scaled_mse": 0.5, "test/scaled_mae": 0.4}
    naive = {"test/naive/scaled_mse": 0.7, "test/naive/scaled_mae": 0.6}
    seasonal = {"test/seasonal_naive/scaled_mse": 0.6, "test/seasonal_naive/scaled_mae": 0.39}
    assert list(Forecasting("val/loss", "min").judge(metrics | naive)) == []
    assert list(Forecasting("val/loss", "min").judge(metrics | naive | seasonal)) == [
        "the seasonal naive forecast (the last season) is not worse than the network: its scaled_mae on test "
        "is 0.3900, the network's 0.4000"
    ]

"""The next values of series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor

from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec, Horizon, Targets
from seqtrain.tasks.task import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torchmetrics import Metric

    from seqtrain.analysis.sample import AnsweredSample
    from seqtrain.tasks.metrics import Metrics
    from seqtrain.tasks.number_metrics import ForecastMetrics

MOST_WINDOWS = 6  # in a figure
NAMES = {
    "naive": "naive forecast (the last value)",
    "seasonal_naive": "seasonal naive forecast (the last season)",
}


class Forecasting(Task):
    """The next values of series, all of them at once."""

    targets = Horizon

    def name_unit(self, spec: DataSpec) -> str:
        return "values"

    def build_metrics(self, spec: DataSpec, further: Mapping[str, Metric]) -> Metrics:
        from seqtrain.tasks.number_metrics import ForecastMetrics

        assert isinstance(spec.targets, Horizon)
        return ForecastMetrics(spec.targets, further)

    def update_metrics(
        self,
        metrics: Metrics,
        predictions: Tensor,
        batch: SequenceBatch,
        loss_sum: Tensor,
        probabilities: Tensor | None = None,
    ) -> None:
        super().update_metrics(metrics, predictions, batch, loss_sum, probabilities)
        assert batch.targets is not None
        assert batch.origins is not None
        cast("ForecastMetrics", metrics).update_forecasts(predictions.float(), batch.targets, batch.origins)

    def name_value(self, value: Any, targets: Targets) -> str:
        """The first and the last of the values ahead, as learnt."""
        return f"{value[0]:.3g} ... {value[-1]:.3g}"

    def draw(self, answered: AnsweredSample, metrics: Metrics) -> dict[str, Figure | str]:
        from seqtrain.analysis.figures.forecasts import draw_forecasts, read_windows
        from seqtrain.analysis.sample import spread_evenly

        windows = list(read_windows(answered.batch, answered.spec, answered.predictions, answered.quantiles))
        chosen = spread_evenly(range(len(windows)), MOST_WINDOWS)
        return {"forecasts": draw_forecasts([windows[index] for index in chosen])}

    def draw_metrics(self, metrics: Metrics) -> dict[str, Figure]:
        from seqtrain.analysis.figures.forecasts import draw_errors_by_horizon

        return {"errors by horizon": draw_errors_by_horizon(metrics.tables()["errors_by_horizon"])}

    def judge(self, metrics: Mapping[str, float]) -> Iterator[str]:
        """A sentence for each naive forecast that is not worse than the network on test."""
        for name, long in NAMES.items():
            for error in ("scaled_mse", "scaled_mae"):
                mine, other = metrics.get(f"test/{error}"), metrics.get(f"test/{name}/{error}")
                if mine is not None and other is not None and other <= mine:
                    yield (
                        f"the {long} is not worse than the network: its {error} on test is {other:.4f}, the "
                        f"network's {mine:.4f}"
                    )
                    break

"""The next values of series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from torch import Tensor

from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec, Horizon
from seqtrain.tasks.task import Task

if TYPE_CHECKING:
    from torchmetrics import Metric

    from seqtrain.tasks.metrics import Metrics
    from seqtrain.tasks.number_metrics import ForecastMetrics

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

"""Report the monitored metric after each validation to a function that may stop the training."""

from __future__ import annotations

from collections.abc import Callable

import pytorch_lightning as pl


class EpochReport(pl.Callback):
    """Calls `report` with the epoch and the metric; where it returns True, the training ends as if complete.

    The run then has a best checkpoint and metrics like any other.

    Args:
        monitor: name of the metric.
        report: of the epoch, from 0, and the metric's value.
    """

    def __init__(self, monitor: str, report: Callable[[int, float], bool]) -> None:
        self.monitor = monitor
        self.report = report

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        value = trainer.callback_metrics.get(self.monitor)
        if value is not None and self.report(trainer.current_epoch, float(value)):
            trainer.should_stop = True

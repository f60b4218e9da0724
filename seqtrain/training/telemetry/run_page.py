"""A run on one page of TensorBoard's text dashboard, and as one row of its table of hyperparameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from seqtrain.analysis.markdown import escape
from seqtrain.training.telemetry.hparams import final_metrics, read_hyperparameters
from seqtrain.training.telemetry.sink import sink_of


class RunPage(pl.Callback):
    """Writes what a run is at its start, and how it ended when it ends. Both need TensorBoard.

    Args:
        text: whether to write the page: configuration, data, environment, final metrics with each class's F1.
        hparams: whether to add a row to the table of hyperparameters and final metrics.
    """

    def __init__(self, text: bool, hparams: bool) -> None:
        self.text = text
        self.hparams = hparams

    def write_start(self, trainer: pl.Trainer, configuration: Path, data: str, environment: Path) -> None:
        """Before the training: the run folder's config.yaml, a line about the data, and environment.json."""
        if self.text:
            facts = json.loads(environment.read_text(encoding="utf-8"))
            page = "\n\n".join(
                [
                    f"## Data\n\n{data}",
                    f"## Environment\n\n{_table(facts)}",
                    f"## Configuration\n\n```yaml\n{configuration.read_text(encoding='utf-8').rstrip()}\n```",
                ]
            )
            sink_of(trainer).text("run/configuration", page, 0)

    def write_end(
        self, trainer: pl.Trainer, configuration: Mapping[str, Any], metrics: Mapping[str, float]
    ) -> None:
        """After the training: the configuration as plain values, and the metrics of metrics.json."""
        sink = sink_of(trainer)
        if self.text:
            sink.text("run/results", describe_metrics(metrics), trainer.global_step)
        if self.hparams:
            final = final_metrics(metrics)
            sink.charts({tag: v for tag, v in final.items() if tag.startswith("final/")}, trainer.global_step)
            sink.hyperparameters(read_hyperparameters(configuration), final)


def describe_metrics(metrics: Mapping[str, float]) -> str:
    """Markdown: a table of the metrics on dev and test, then each class's F1, then what the training took."""
    names = list(dict.fromkeys(name.split("/", 1)[1] for name in metrics if "/" in name))
    classes = [name for name in names if name.startswith("f1/")]
    costs = {name: f"{value:,}" for name, value in metrics.items() if "/" not in name}
    parts = [f"## Metrics\n\n{_splits(metrics, [name for name in names if name not in classes])}"]
    if classes:
        parts.append(f"## F1 of each class\n\n{_splits(metrics, classes)}")
    return "\n\n".join([*parts, f"## Costs\n\n{_table(costs)}"])


def _splits(metrics: Mapping[str, float], names: list[str]) -> str:
    rows = ["| | val | test |", "| --- | --- | --- |"]
    for name in names:
        values = (metrics.get(f"{split}/{name}") for split in ("val", "test"))
        cells = ["" if value is None else f"{value:.4f}" for value in values]
        rows.append(f"| {escape(name.removeprefix('f1/'))} | {cells[0]} | {cells[1]} |")
    return "\n".join(rows)


def _table(values: Mapping[str, str]) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in values.items())])

"""A run on one page of TensorBoard's text dashboard, and as one row of its table of hyperparameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytorch_lightning as pl

from seqtrain.analysis.mistakes import escape
from seqtrain.runs.logs import METRICS_OF_EACH
from seqtrain.training.telemetry.sink import sink_of

Value: TypeAlias = str | float


# A column for each: the class in a group of the configuration, or the value of a key; "" where a run has no
# such key. TensorBoard sorts columns by name and shows the first five, hence the numbers.
COLUMNS = (
    "data",
    "model",
    "seed",
    "model.hidden_size",
    "optimizer.lr",
    "model.num_layers",
    "model.bidirectional",
    "model.dropout",
    "data.batch_size",
    "data.view",
    "head",
    "head.dropout",
    "initialization.forget_bias",
    "initialization.chrono_steps",
    "optimizer",
    "optimizer.weight_decay",
    "schedule",
    "trainer.max_epochs",
    "members",
)
METRICS = ("accuracy", "macro_f1", "loss")


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
    """Markdown: tables of the metrics on dev and test, then of each class, then what the training took."""
    names = list(dict.fromkeys(name.split("/", 1)[1] for name in metrics if "/" in name))
    of_each = {metric: [n for n in names if n.startswith(f"{metric}/")] for metric in METRICS_OF_EACH}
    single = {name for found in of_each.values() for name in found}
    costs = {name: f"{value:,}" for name, value in metrics.items() if "/" not in name}
    parts = [f"## Metrics\n\n{_splits(metrics, [name for name in names if name not in single])}"]
    for metric, found in of_each.items():
        if found:
            parts.append(f"## {METRICS_OF_EACH[metric]}\n\n{_splits(metrics, found)}")
    return "\n\n".join([*parts, f"## Costs\n\n{_table(costs)}"])


def _splits(metrics: Mapping[str, float], names: list[str]) -> str:
    rows = ["| | val | test |", "| --- | --- | --- |"]
    for name in names:
        values = (metrics.get(f"{split}/{name}") for split in ("val", "test"))
        cells = ["" if value is None else f"{value:.4f}" for value in values]
        rows.append(f"| {escape(name.partition('/')[2] or name)} | {cells[0]} | {cells[1]} |")
    return "\n".join(rows)


def _table(values: Mapping[str, str]) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in values.items())])


def read_hyperparameters(configuration: Mapping[str, Any]) -> dict[str, Value]:
    """The columns of one run: of its configuration, as plain values."""
    return {f"{number:02} {key}": _look_up(configuration, key) for number, key in enumerate(COLUMNS, start=1)}


def final_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Those of the chosen checkpoint by tag: `test/accuracy`, and `final/val/accuracy`, since `val/accuracy`
    is a curve that may end elsewhere."""
    on_test = {f"test/{name}": metrics[f"test/{name}"] for name in METRICS if f"test/{name}" in metrics}
    on_dev = {f"final/val/{name}": metrics[f"val/{name}"] for name in METRICS if f"val/{name}" in metrics}
    return on_test | on_dev


def _look_up(configuration: Mapping[str, Any], key: str) -> Value:
    node: Any = configuration
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    if isinstance(node, Mapping):
        return _class_name(node)
    if isinstance(node, bool):
        return str(node).lower()  # torch would write 1.0 and 0.0
    return node if isinstance(node, str | int | float) else ""


def _class_name(node: Mapping[str, Any]) -> str:
    name = str(node.get("_target_", "")).rsplit(".", 1)[-1]
    cell = node.get("cell", "lstm")
    return name if cell == "lstm" else f"{name} ({cell})"

"""The hyperparameters that tell runs apart, and the metrics that compare them.

Every run has the same columns: TensorBoard takes those of one run for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

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

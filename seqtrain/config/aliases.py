"""Where classes that configurations name have moved to: run folders and files written earlier stay valid."""

from __future__ import annotations

from typing import Any

_TELEMETRY = (
    "HealthWarnings",
    "HiddenStateTelemetry",
    "PredictionTelemetry",
    "RecurrenceTelemetry",
    "RunPage",
    "TensorBoard",
    "TrainingCurves",
    "WeightTelemetry",
)

MOVED = {
    "seqtrain.task.SequenceClassification": "seqtrain.tasks.SequenceClassification",
    "seqtrain.task.SequenceTagging": "seqtrain.tasks.SequenceTagging",
    "seqtrain.training.SequenceClassification": "seqtrain.tasks.SequenceClassification",
    "seqtrain.training.SequenceTagging": "seqtrain.tasks.SequenceTagging",
    "seqtrain.training.task.SequenceClassification": "seqtrain.tasks.SequenceClassification",
    "seqtrain.training.task.SequenceTagging": "seqtrain.tasks.SequenceTagging",
    "seqtrain.callbacks.LastCheckpoint": "seqtrain.training.LastCheckpoint",
    "seqtrain.callbacks.ProgressBar": "seqtrain.training.ProgressBar",
    "seqtrain.callbacks.HiddenStateTelemetry": "seqtrain.training.HiddenStateTelemetry",
    "seqtrain.callbacks.TrainingCurves": "seqtrain.training.TrainingCurves",
    **{f"seqtrain.telemetry.{name}": f"seqtrain.training.{name}" for name in _TELEMETRY},
}


def with_new_names(tree: dict[str, Any]) -> dict[str, Any]:
    """A configuration as an earlier version kept it, with the classes' names of today."""
    return {key: _renamed(key, value) for key, value in tree.items()}


def _renamed(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return with_new_names(value)
    if isinstance(value, list):
        return [_renamed(key, item) for item in value]
    return MOVED.get(value, value) if key == "_target_" else value

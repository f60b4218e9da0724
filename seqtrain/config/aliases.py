"""Where classes that configurations name have moved to: run folders and files written earlier stay valid."""

from __future__ import annotations

MOVED = {
    "seqtrain.task.SequenceClassification": "seqtrain.training.SequenceClassification",
    "seqtrain.task.SequenceTagging": "seqtrain.training.SequenceTagging",
    "seqtrain.callbacks.LastCheckpoint": "seqtrain.training.LastCheckpoint",
    "seqtrain.callbacks.ProgressBar": "seqtrain.training.ProgressBar",
    "seqtrain.callbacks.HiddenStateTelemetry": "seqtrain.telemetry.HiddenStateTelemetry",
    "seqtrain.callbacks.TrainingCurves": "seqtrain.telemetry.TrainingCurves",
}

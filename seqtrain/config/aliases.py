"""Where classes that configurations name have moved to: run folders and files written earlier stay valid."""

from __future__ import annotations

MOVED = {
    "seqtrain.task.SequenceClassification": "seqtrain.tasks.SequenceClassification",
    "seqtrain.task.SequenceTagging": "seqtrain.tasks.SequenceTagging",
    "seqtrain.training.SequenceClassification": "seqtrain.tasks.SequenceClassification",
    "seqtrain.training.SequenceTagging": "seqtrain.tasks.SequenceTagging",
    "seqtrain.training.task.SequenceClassification": "seqtrain.tasks.SequenceClassification",
    "seqtrain.training.task.SequenceTagging": "seqtrain.tasks.SequenceTagging",
    "seqtrain.callbacks.LastCheckpoint": "seqtrain.training.LastCheckpoint",
    "seqtrain.callbacks.ProgressBar": "seqtrain.training.ProgressBar",
    "seqtrain.callbacks.HiddenStateTelemetry": "seqtrain.telemetry.HiddenStateTelemetry",
    "seqtrain.callbacks.TrainingCurves": "seqtrain.telemetry.TrainingCurves",
}

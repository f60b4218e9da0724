"""Callbacks of the training loop."""

from seqtrain.training.callbacks.best_checkpoint import BestCheckpoint
from seqtrain.training.callbacks.last_checkpoint import LastCheckpoint
from seqtrain.training.callbacks.progress import ProgressBar
from seqtrain.training.callbacks.stop_on_nonfinite import StopOnNonfinite
from seqtrain.training.callbacks.throughput import EvaluationThroughput, Throughput

__all__ = [
    "BestCheckpoint",
    "EvaluationThroughput",
    "LastCheckpoint",
    "ProgressBar",
    "StopOnNonfinite",
    "Throughput",
]

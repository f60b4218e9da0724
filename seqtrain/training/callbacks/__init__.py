"""Callbacks of the training loop."""

from seqtrain.training.callbacks.last_checkpoint import LastCheckpoint
from seqtrain.training.callbacks.progress import ProgressBar
from seqtrain.training.callbacks.throughput import Throughput

__all__ = ["LastCheckpoint", "ProgressBar", "Throughput"]

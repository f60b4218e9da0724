"""Callbacks of the training loop: the last checkpoint and the progress bar."""

from seqtrain.training.callbacks.last_checkpoint import LastCheckpoint
from seqtrain.training.callbacks.progress import ProgressBar

__all__ = ["LastCheckpoint", "ProgressBar"]

"""Callbacks: the last checkpoint, the curves, the hidden states, the progress bar."""

from seqtrain.callbacks.hidden_states import HiddenStateTelemetry
from seqtrain.callbacks.last_checkpoint import LastCheckpoint
from seqtrain.callbacks.progress import ProgressBar
from seqtrain.callbacks.training_curves import TrainingCurves

__all__ = ["HiddenStateTelemetry", "LastCheckpoint", "ProgressBar", "TrainingCurves"]

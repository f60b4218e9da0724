"""Training: from a checked configuration to a finished run folder."""

from seqtrain.training.callbacks import LastCheckpoint, ProgressBar
from seqtrain.training.task import SequenceClassification, SequenceTagging

__all__ = ["LastCheckpoint", "ProgressBar", "SequenceClassification", "SequenceTagging"]

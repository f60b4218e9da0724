"""Training: from a checked configuration to a finished run folder.

Importing this package imports neither Lightning nor torchmetrics; using one of its names does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.lazy import lazy_attributes

if TYPE_CHECKING:
    from seqtrain.training.callbacks.best_checkpoint import BestCheckpoint
    from seqtrain.training.callbacks.last_checkpoint import LastCheckpoint
    from seqtrain.training.callbacks.progress import ProgressBar
    from seqtrain.training.callbacks.stop_on_nonfinite import StopOnNonfinite
    from seqtrain.training.task import SequenceClassification, SequenceTagging

__all__ = [
    "BestCheckpoint",
    "LastCheckpoint",
    "ProgressBar",
    "SequenceClassification",
    "SequenceTagging",
    "StopOnNonfinite",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "BestCheckpoint": "callbacks.best_checkpoint",
        "LastCheckpoint": "callbacks.last_checkpoint",
        "ProgressBar": "callbacks.progress",
        "SequenceClassification": "task",
        "SequenceTagging": "task",
        "StopOnNonfinite": "callbacks.stop_on_nonfinite",
    },
)

"""Training: from a checked configuration to a finished run folder.

Importing this package imports neither Lightning nor torchmetrics; using one of its names does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.lazy import lazy_attributes

if TYPE_CHECKING:
    from seqtrain.training.callbacks.last_checkpoint import LastCheckpoint
    from seqtrain.training.callbacks.progress import ProgressBar
    from seqtrain.training.task import SequenceClassification, SequenceTagging

__all__ = ["LastCheckpoint", "ProgressBar", "SequenceClassification", "SequenceTagging"]

__getattr__ = lazy_attributes(
    __name__,
    {
        "LastCheckpoint": "callbacks.last_checkpoint",
        "ProgressBar": "callbacks.progress",
        "SequenceClassification": "task",
        "SequenceTagging": "task",
    },
)

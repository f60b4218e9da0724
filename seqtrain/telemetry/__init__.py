"""What is measured inside a recurrence, and the callbacks that log it.

Importing this package does not import Lightning; using one of its names does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.lazy import lazy_attributes

if TYPE_CHECKING:
    from seqtrain.telemetry.hidden_states import HiddenStateTelemetry
    from seqtrain.telemetry.training_curves import TrainingCurves

__all__ = ["HiddenStateTelemetry", "TrainingCurves"]

__getattr__ = lazy_attributes(
    __name__, {"HiddenStateTelemetry": "hidden_states", "TrainingCurves": "training_curves"}
)

"""What is measured inside a recurrence, and the callbacks that log it.

Importing this package does not import Lightning; using one of its names does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.lazy import lazy_attributes

if TYPE_CHECKING:
    from seqtrain.telemetry.hidden_states import HiddenStateTelemetry
    from seqtrain.telemetry.recurrence import RecurrenceTelemetry
    from seqtrain.telemetry.training_curves import TrainingCurves
    from seqtrain.telemetry.weights import WeightTelemetry

__all__ = ["HiddenStateTelemetry", "RecurrenceTelemetry", "TrainingCurves", "WeightTelemetry"]

__getattr__ = lazy_attributes(
    __name__,
    {
        "HiddenStateTelemetry": "hidden_states",
        "RecurrenceTelemetry": "recurrence",
        "TrainingCurves": "training_curves",
        "WeightTelemetry": "weights",
    },
)

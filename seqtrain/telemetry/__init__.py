"""What is measured inside a recurrence, and the callbacks that log it.

Importing this package does not import Lightning; using one of its names does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.lazy import lazy_attributes

if TYPE_CHECKING:
    from seqtrain.telemetry.health import HealthWarnings
    from seqtrain.telemetry.hidden_states import HiddenStateTelemetry
    from seqtrain.telemetry.predictions import PredictionTelemetry
    from seqtrain.telemetry.recurrence import RecurrenceTelemetry
    from seqtrain.telemetry.run_page import RunPage
    from seqtrain.telemetry.tensorboard import TensorBoard
    from seqtrain.telemetry.training_curves import TrainingCurves
    from seqtrain.telemetry.weights import WeightTelemetry

__all__ = [
    "HealthWarnings",
    "HiddenStateTelemetry",
    "PredictionTelemetry",
    "RecurrenceTelemetry",
    "RunPage",
    "TensorBoard",
    "TrainingCurves",
    "WeightTelemetry",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "HealthWarnings": "health",
        "HiddenStateTelemetry": "hidden_states",
        "PredictionTelemetry": "predictions",
        "RecurrenceTelemetry": "recurrence",
        "RunPage": "run_page",
        "TensorBoard": "tensorboard",
        "TrainingCurves": "training_curves",
        "WeightTelemetry": "weights",
    },
)

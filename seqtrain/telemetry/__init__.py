"""What is measured inside a recurrence, and the callbacks that log it."""

from seqtrain.telemetry.hidden_states import HiddenStateTelemetry
from seqtrain.telemetry.training_curves import TrainingCurves

__all__ = ["HiddenStateTelemetry", "TrainingCurves"]

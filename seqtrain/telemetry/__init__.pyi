from .health import HealthWarnings as HealthWarnings
from .hidden_states import HiddenStateTelemetry as HiddenStateTelemetry
from .predictions import PredictionTelemetry as PredictionTelemetry
from .recurrence import RecurrenceTelemetry as RecurrenceTelemetry
from .run_page import RunPage as RunPage
from .tensorboard import TensorBoard as TensorBoard
from .training_curves import TrainingCurves as TrainingCurves
from .weights import WeightTelemetry as WeightTelemetry

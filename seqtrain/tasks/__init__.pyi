from .classification import SequenceClassification as SequenceClassification
from .language_model import LanguageModel as LanguageModel
from .metrics import ClassMetrics as ClassMetrics
from .metrics import Metrics as Metrics
from .number_metrics import NumberMetrics as NumberMetrics
from .regression import Regression as Regression
from .tagging import SequenceTagging as SequenceTagging
from .task import Task as Task

from .classification import SequenceClassification as SequenceClassification
from .metrics import ClassMetrics as ClassMetrics
from .metrics import Metrics as Metrics
from .tagging import SequenceTagging as SequenceTagging
from .task import Task as Task

from .commands.train import train as train
from .runs.report.collect import Run as Run
from .runs.report.table import Runs as Runs
from .runs.report.table import runs as runs
from .serving.predictor import load as load

__version__: str

from .callbacks.best_checkpoint import BestCheckpoint as BestCheckpoint
from .callbacks.last_checkpoint import LastCheckpoint as LastCheckpoint
from .callbacks.progress import ProgressBar as ProgressBar
from .callbacks.stop_on_nonfinite import StopOnNonfinite as StopOnNonfinite

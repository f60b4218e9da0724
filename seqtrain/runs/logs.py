"""Where it goes what a run says."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from seqtrain.runs.folder import RunFolder

log = logging.getLogger("seqtrain")


@contextmanager
def logged(folder: RunFolder) -> Iterator[None]:
    """Send what this package says to the terminal and to train.log, and warnings to train.log."""
    if not folder.leads:
        quiet_lightning()
        log.propagate = False
        yield
        return
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter("%(message)s"))
    # Whoever catches an error shows it there, and the final table goes to standard output.
    terminal.addFilter(lambda record: record.exc_info is None and not getattr(record, "is_result", False))
    file = logging.FileHandler(folder.log_file, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.setLevel(logging.INFO)
    log.propagate = False
    lightning = quiet_lightning()
    handlers: list[tuple[logging.Logger, logging.Handler]] = [(log, terminal), (log, file)]
    handlers += [(lightning, file), (logging.getLogger("py.warnings"), file)]
    for logger, handler in handlers:
        logger.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for logger, handler in handlers:
            logger.removeHandler(handler)
        file.close()


def quiet_lightning() -> logging.Logger:
    """Silence what Lightning says below a warning: it repeats our lines, and one of them advertises."""
    lightning = logging.getLogger("pytorch_lightning")
    lightning.setLevel(logging.WARNING)
    lightning.propagate = False
    # A resumed run writes where the interrupted one wrote.
    warnings.filterwarnings("ignore", message=r"(Checkpoint|Experiment logs) directory .* is not empty")
    # A run that starts from another run's checkpoint looks for a best one of its own.
    warnings.filterwarnings("ignore", message=r"The dirpath has changed from")
    # Our curves have a point at the end of every epoch, however short.
    warnings.filterwarnings(
        "ignore", message=r"The number of training batches .* is smaller than the logging"
    )
    # Lightning 2.6 asks torch 2.13 about its pytrees in a way that is out of date.
    warnings.filterwarnings("ignore", message=r".*LeafSpec.* is deprecated", category=FutureWarning)
    return lightning

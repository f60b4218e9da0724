"""Logging of a run, to the terminal and to train.log."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seqtrain.config import ConfigError
from seqtrain.errors import printable
from seqtrain.runs.folder import RunFolder

log = logging.getLogger("seqtrain")


@contextmanager
def logged(folder: RunFolder) -> Iterator[None]:
    """Log messages of this package to the terminal and to train.log, and warnings to train.log.

    Raises:
        ConfigError: train.log cannot be written.
    """
    if not folder.leads:
        quiet_lightning()
        log.propagate = False
        yield
        return
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(_TerminalFormatter("%(message)s"))
    # Errors are printed by the command, and the final table goes to standard output.
    terminal.addFilter(lambda record: record.exc_info is None and not getattr(record, "is_result", False))
    file = _open_log(folder.log_file)
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
        with suppress(OSError):
            file.close()


class _TerminalFormatter(logging.Formatter):
    """Escapes control characters: names of classes and files come from the data."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class _LogFile(logging.FileHandler):
    """A log file that is silent about its own errors: a full disk is reported by what matters more."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


def _open_log(path: Path) -> logging.Handler:
    try:
        file = _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"run_dir: {path} cannot be written: {error.strerror}"]) from None
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return file


def quiet_lightning() -> logging.Logger:
    """Silence Lightning's messages below the level of warnings: they repeat ours, and one advertises."""
    lightning = logging.getLogger("pytorch_lightning")
    lightning.setLevel(logging.WARNING)
    lightning.propagate = False
    # Except for what trainer.profiler asks for.
    logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)
    # A resumed run writes to the folders of the interrupted one.
    warnings.filterwarnings("ignore", message=r"(Checkpoint|Experiment logs) directory .* is not empty")
    # A run that starts from another run's checkpoint keeps best checkpoints of its own.
    warnings.filterwarnings("ignore", message=r"The dirpath has changed from")
    # Our curves have a point at the end of every epoch, however short it is.
    warnings.filterwarnings(
        "ignore", message=r"The number of training batches .* is smaller than the logging"
    )
    # A checkpoint of another run may hold the state of callbacks that this one does without.
    warnings.filterwarnings("ignore", message=r"Be aware that when using `ckpt_path`")
    # Lightning 2.6 uses a pytree function that torch 2.13 has deprecated.
    warnings.filterwarnings("ignore", message=r".*LeafSpec.* is deprecated", category=FutureWarning)
    return lightning

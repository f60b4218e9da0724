"""What a run says: its messages on the terminal and in train.log, its metrics as a table."""

from __future__ import annotations

import logging
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seqtrain.errors import ConfigError, printable, printable_line
from seqtrain.runs.folder import RunFolder

log = logging.getLogger("seqtrain")

LIGHTNING = "pytorch_lightning"  # its logger
EXPECTED = (
    # A resumed run writes to the folders of the interrupted one.
    r"(Checkpoint|Experiment logs) directory .* is not empty",
    # A run that starts from another run's checkpoint keeps best checkpoints of its own.
    r"The dirpath has changed from",
    # Our curves have a point at the end of every epoch, however short it is.
    r"The number of training batches .* is smaller than the logging",
    # A checkpoint of another run may hold the state of callbacks that this one does without.
    r"Be aware that when using `ckpt_path`",
    # Lightning 2.6 uses a pytree function that torch 2.13 has deprecated.
    r".*LeafSpec.* is deprecated",
)


SILENCE = 1.5  # seconds for which a terminal may say nothing


@contextmanager
def patience(doing: str, is_shown: bool = True) -> Iterator[None]:
    """Say on the terminal what is being done if it takes long, and in the end how long it took."""
    started, is_said = time.monotonic(), threading.Event()

    def say() -> None:
        is_said.set()
        print(f"{doing} ...", file=sys.stderr, flush=True)

    timer = threading.Timer(SILENCE, say)
    timer.daemon = True
    if is_shown:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if is_said.is_set():
        print(f"{doing}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)


@contextmanager
def logged(folder: RunFolder) -> Iterator[None]:
    """Log messages of this package to the terminal and to train.log, and warnings to train.log.

    Raises:
        ConfigError: train.log cannot be written.
    """
    if not folder.leads:
        with _log_level(log, log.level):
            yield
        return
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(_TerminalFormatter("%(message)s"))
    # Errors are printed by the command, and the final table goes to standard output.
    terminal.addFilter(lambda record: record.exc_info is None and not getattr(record, "is_result", False))
    file = _open_log(folder.log_file)
    handlers: list[tuple[logging.Logger, logging.Handler]] = [(log, terminal)]
    handlers += [(logging.getLogger(name), file) for name in (log.name, LIGHTNING, "py.warnings")]
    for logger, handler in handlers:
        logger.addHandler(handler)
    logging.captureWarnings(True)
    try:
        with _log_level(log, logging.INFO):
            yield
    finally:
        logging.captureWarnings(False)
        for logger, handler in handlers:
            logger.removeHandler(handler)
        with suppress(OSError):
            file.close()


@contextmanager
def _log_level(logger: logging.Logger, level: int) -> Iterator[None]:
    """Give a logger this level, and only the handlers of its own."""
    before = logger.level, logger.propagate
    logger.setLevel(level)
    logger.propagate = False
    try:
        yield
    finally:
        logger.setLevel(before[0])
        logger.propagate = before[1]


class _TerminalFormatter(logging.Formatter):
    """Escapes control characters: names of classes and files come from the data."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class _LogFile(logging.FileHandler):
    """A log file that is silent about its own errors: a full disk is reported when results are written."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


def _open_log(path: Path) -> logging.Handler:
    try:
        file = _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"run_dir: {path} cannot be written: {error.strerror}"]) from None
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return file


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's messages below the level of warnings, and the warnings in EXPECTED.

    Its messages repeat ours, and one advertises; those of a profiler were asked for with trainer.profiler.
    """
    profilers = logging.getLogger(f"{LIGHTNING}.profilers")
    with _log_level(logging.getLogger(LIGHTNING), logging.WARNING), warnings.catch_warnings():
        profilers.setLevel(logging.INFO)
        for message in EXPECTED:
            warnings.filterwarnings("ignore", message=message)
        yield


METRICS_OF_EACH = {"f1": "F1 of each class", "mae": "MAE of each number", "r2": "R2 of each number"}
BASELINES = {"naive": "naive", "seasonal_naive": "seasonal"}  # as in test/naive/mae, and their columns


def is_of_each(metric: str) -> bool:
    """Whether a metric, with its split, is of a single class or number, as is `test/f1/NOUN`."""
    name, *of = metric.split("/")[1:] or [metric]
    return bool(of) and name in METRICS_OF_EACH


def is_of_baseline(metric: str) -> bool:
    """Whether a metric, with its split, is of a forecast that the network is compared with."""
    return metric.count("/") > 1 and metric.split("/")[1] in BASELINES


def metrics_table(metrics: dict[str, float], per_class: bool = True) -> str:
    """The metrics of metrics.json as a table: a row for each metric, and columns for val and test.

    Further columns have the test metrics of the forecasts that the network is compared with.

    Args:
        metrics: by name.
        per_class: whether to show the metrics of every single class or number.
    """
    shown = {printable_line(name): value for name, value in metrics.items()}
    metrics = {name: value for name, value in shown.items() if per_class or not is_of_each(name)}
    columns = {split: f"{split}/" for split in ("val", "test")}
    columns |= {heading: f"test/{name}/" for name, heading in BASELINES.items()}
    columns = {head: start for head, start in columns.items() if any(n.startswith(start) for n in metrics)}
    own = [name for name in metrics if name.startswith(("val/", "test/")) and not is_of_baseline(name)]
    names = list(dict.fromkeys(name.split("/", 1)[1] for name in own))
    costs = [name for name in metrics if "/" not in name]
    width = max(map(len, [*names, *costs]), default=0)
    lines = [" ".join([f"{'':{width}}", *(f"{heading:>8}" for heading in columns)])]
    for name in names:
        values = (metrics.get(f"{start}{name}") for start in columns.values())
        cells = (f"{'':8}" if value is None else f"{value:8.4f}" for value in values)
        lines.append(" ".join([f"{name:{width}}", *cells]).rstrip())
    lines += [f"{name:{width}} {metrics[name]:>8,}" for name in costs]
    return "\n".join(lines)

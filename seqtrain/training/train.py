"""Train one configuration into one run folder."""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch

from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.errors import ConfigError, InputError, RunError, first_line, keep_interrupts, printable_line
from seqtrain.runs.files import as_typed
from seqtrain.runs.folder import RunFolder
from seqtrain.runs.logs import is_of_each, logged, quiet_lightning
from seqtrain.spec import Classes
from seqtrain.tasks.metrics import Metrics
from seqtrain.training import summary
from seqtrain.training.build import Training, build_training
from seqtrain.training.callbacks.health import StopOnNonfinite
from seqtrain.training.callbacks.progress import EvaluationThroughput, Throughput
from seqtrain.training.checkpoint import (
    DamagedCheckpointError,
    can_resume_from,
    find_remedy,
    load_weights,
    read_weights,
    weights_of,
    write_checkpoint,
)
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.summary import RunPage
from seqtrain.training.telemetry.sink import quiet_writers, sink_of
from seqtrain.training.trainer import keep_rows

log = logging.getLogger("seqtrain")

LIBRARIES = {
    *("seqtrain", "torch", "pytorch_lightning", "lightning_fabric", "lightning_utilities"),
    *("torchmetrics", "numpy", "packaging"),
}

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT_BYTES = 1 << 30
MAX_OLD_THRESHOLD = 1 << 25  # the highest M_MMAP_THRESHOLD that older versions of glibc accept

C = TypeVar("C", bound=pl.Callback)


def train(
    cfg: Mapping[str, Any], folder: RunFolder, brief: bool = False, callbacks: Sequence[pl.Callback] = ()
) -> dict[str, float]:
    """Train, choose the best checkpoint by its validation metric, test it, and write the run folder.

    Args:
        cfg: a checked configuration, whose `run_dir` is `folder`.
        folder: new, or that of this configuration's unfinished run, which is then resumed; pretrained word
            vectors come from its checkpoint, so that their file is not read again.
        brief: print no F1 of each class at the end, as suits one of many runs.
        callbacks: in addition to those of the configuration.

    Returns:
        The metrics of metrics.json; nothing in a process that only helps another to train.

    Raises:
        ConfigError: the configuration does not fit the machine, the data or the checkpoint; nothing has been
            written.
        DataError: the data is missing or invalid; nothing has been written.
        RunError: the training diverged.
        OSError: the folder cannot be written, for instance because the disk is full.
        KeyboardInterrupt: the run was asked to stop; the last checkpoint has its state.
    """
    _keep_freed_memory()
    with quiet_lightning(), quiet_writers():
        training = build_training(cfg, folder, callbacks)
        with folder.locked(training.config), logged(folder):
            metrics = _run(training)
            if folder.leads:
                # After the run is done: a closed pipe must not make it a failure.
                per_class = sys.stdout.isatty() and not brief
                summary.log_end(metrics, training.trainer, folder, per_class)
            return metrics


def _run(training: Training) -> dict[str, float]:
    folder = training.folder
    with _record_failure(folder), keep_interrupts():
        if folder.leads:
            folder.write_config(training.config)
        _log_start(training)
        _fit(training)
        return _finish(training) if folder.leads else {}


def _log_start(training: Training) -> None:
    """Write what describes the run, which has begun with its configuration."""
    trainer, data, folder = training.trainer, training.data, training.folder
    if folder.leads:
        folder.write_environment(summary.environment(trainer))
    keep_rows(trainer)
    summary.log_start(trainer, data, training.learner, folder, training.config.get("parameters"))
    for page in _callbacks(trainer, RunPage) if folder.leads else ():
        page.write_start(trainer, folder.config_file, data.corpus.describe(), folder.environment_file)


@contextmanager
def _record_failure(folder: RunFolder) -> Iterator[None]:
    """Keep the error that ends a run in its folder."""
    try:
        yield
    except RunError as failure:
        log.error("%s", failure, extra={"is_result": True})  # the caller shows it on the terminal
        if folder.leads:
            folder.write_failure(failure)
        raise
    except Exception as error:
        log.exception("The run failed.")
        if folder.leads:
            folder.write_failure(error)
        if isinstance(error, FileNotFoundError) and error.filename and _was_deleted(error, folder):
            name = printable_line(os.fsdecode(error.filename))
            raise RunError(
                f"seqtrain: {name}: this file or its folder was deleted or moved while the run was going on"
            ) from error
        raise


def _was_deleted(error: FileNotFoundError, folder: RunFolder) -> bool:
    """Whether a file of the run is missing, or the folder in which the command was given."""
    try:
        path = Path(os.fsdecode(error.filename)).absolute()
        return not folder.path.exists() or folder.path.absolute() in path.parents
    except FileNotFoundError:
        return True


def _keep_freed_memory() -> None:
    """Let this process keep memory that it has freed, up to a GiB, where the C library is glibc.

    By default what large tensors took goes back to the operating system, and the next step has to ask for it
    again, page by page. Results do not depend on it. See mallopt(3).
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        for threshold in (KEPT_BYTES, MAX_OLD_THRESHOLD):
            if library.mallopt(M_MMAP_THRESHOLD, threshold):
                break
        library.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def _fit(training: Training) -> None:
    checkpoint = training.checkpoint
    if checkpoint is not None and not can_resume_from(checkpoint):
        log.info("checkpoint  %s has only weights: a new training starts from them", as_typed(checkpoint))
        checkpoint = None
    with _resuming(training.learner, checkpoint):
        training.trainer.fit(training.learner, training.data, ckpt_path=checkpoint, weights_only=True)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        # The rest is done by one process, and metrics must not wait for the others.
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


@contextmanager
def _resuming(learner: SequenceLearner, checkpoint: Path | None) -> Iterator[None]:
    """Report an error up to the first step after a checkpoint as one of the checkpoint.

    One that was made by hand, or by another version, may raise any of a dozen errors.
    """
    try:
        yield
    except (InputError, RunError, OSError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        is_after_first_step = learner.num_batches > learner.trainer.accumulate_grad_batches
        if checkpoint is None or is_after_first_step or not _may_be_of_checkpoint(error):
            raise
        problem = f"checkpoint: {checkpoint} cannot be resumed from: {first_line(error)}"
        raise ConfigError([f"{problem}; {find_remedy(checkpoint)}"]) from error


def _may_be_of_checkpoint(error: Exception) -> bool:
    """Whether an error came from no code of the user's own, and not from too little memory."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    packages = {str(frame.f_globals.get("__name__")).partition(".")[0] for frame in frames}
    return packages <= LIBRARIES | sys.stdlib_module_names and "memory" not in str(error)


def _finish(training: Training) -> dict[str, float]:
    """Evaluate the best weights, and write what makes a run finished."""
    trainer, learner, folder = training.trainer, training.learner, training.folder
    log.info("%s", summary.describe_end(trainer))
    costs = _costs(trainer, learner)
    _load_best(learner, folder)
    metrics = measure(training.evaluator, learner, training.data) | costs
    for throughput in _callbacks(training.evaluator, EvaluationThroughput):
        if throughput.per_second is not None:
            metrics[f"test_{learner.task.name_unit(learner.spec)}_per_second"] = round(throughput.per_second)
    for guard in _callbacks(trainer, StopOnNonfinite):
        guard.check_metrics(metrics, "in the final evaluation")
    sink = sink_of(trainer)
    # The run page has those of each class: charts of a single point would bury the others.
    test_metrics = {k: v for k, v in metrics.items() if k.startswith("test/") and not is_of_each(k)}
    sink.scalars(test_metrics, trainer.global_step)
    test = learner.metrics("test")
    if not test.is_empty:  # as it is with limit_test_batches=0
        _keep_details(folder, learner, test)
        for name, figure in learner.task.draw_metrics(test).items():
            sink.figure(f"test/{name}", figure, trainer.global_step)
    for page in _callbacks(trainer, RunPage):
        page.write_end(trainer, training.config, metrics)
    sink.close()
    for judgement in learner.task.judge(metrics):
        log.warning("%s", judgement)
    folder.write_metrics(metrics)
    return metrics


def _keep_details(folder: RunFolder, learner: SequenceLearner, test: Metrics) -> None:
    """Write the confusions, and the tables of the metrics."""
    confusions = test.confusions()
    if confusions is not None and isinstance(learner.spec.targets, Classes):
        folder.write_confusions(learner.spec.targets.names, confusions)
    for name, rows in test.tables().items():
        folder.write_table(name, rows)


def measure(evaluator: pl.Trainer, learner: SequenceLearner, data: SequenceDataModule) -> dict[str, float]:
    """The metrics of a learner on dev (as `val/...`) and test, and what guessing gives, where it is known.

    Args:
        evaluator: see `build_evaluator`.
        learner: with the weights to evaluate.
        data: after its `setup`.
    """
    metrics: dict[str, float] = {}
    for split, evaluate in (("val", evaluator.validate), ("test", evaluator.test)):
        with keep_interrupts():
            evaluate(learner, data, verbose=False)
        metrics |= {name: float(value) for name, value in evaluator.callback_metrics.items()}
        metrics |= {f"{split}/{name}_by_chance": value for name, value in data.corpus.chance.items()}
    return metrics


def _load_best(learner: SequenceLearner, folder: RunFolder) -> None:
    """Load the best weights, if there are any; a damaged file is replaced by the last weights."""
    best = folder.best_checkpoint
    if not best.exists():
        return
    try:
        load_weights(learner, read_weights(best))
    except DamagedCheckpointError as damage:
        log.warning("%s", damage)
        log.warning("It was replaced by the weights of the last step, which are evaluated instead.")
        checkpoint: dict[str, Any] = {"state_dict": learner.state_dict()}
        learner.on_save_checkpoint(checkpoint)
        write_checkpoint(weights_of(checkpoint), best)


def _costs(trainer: pl.Trainer, learner: SequenceLearner) -> dict[str, float]:
    """The size of the network, and the time and throughput of its training."""
    costs: dict[str, float] = {
        "parameters": learner.network.num_parameters,
        "epochs": trainer.current_epoch,
    }
    for throughput in _callbacks(trainer, Throughput):
        costs["seconds"] = round(throughput.seconds, 1)
        if throughput.cpu_seconds is not None:
            costs["cpu_seconds"] = round(throughput.cpu_seconds, 1)
        per_second = throughput.per_second(trainer.world_size)
        if per_second is not None:
            costs[f"{learner.task.name_unit(learner.spec)}_per_second"] = round(per_second)
    return costs


def _callbacks(trainer: pl.Trainer, kind: type[C]) -> Iterator[C]:
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return (callback for callback in callbacks if isinstance(callback, kind))

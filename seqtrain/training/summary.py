"""The summary that is logged when a run starts, and the table of metrics when it ends."""

from __future__ import annotations

import logging
import os
import platform
import shlex
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.loggers import TensorBoardLogger

from seqtrain import __version__
from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.errors import printable
from seqtrain.model import Ensemble
from seqtrain.recurrence.engines.kernel import describe_kernel
from seqtrain.runs.files import as_typed
from seqtrain.runs.folder import RunFolder
from seqtrain.runs.logs import metrics_table
from seqtrain.spec import StepClasses
from seqtrain.tasks.span_f1 import SpanF1
from seqtrain.training.callbacks.checkpoints import BestCheckpoint
from seqtrain.training.learner import SequenceLearner

log = logging.getLogger("seqtrain")


def log_start(
    trainer: pl.Trainer,
    data: SequenceDataModule,
    learner: SequenceLearner,
    folder: RunFolder,
    parameters: int | None = None,
) -> None:
    """Log the data, the model, the device and the run folder.

    `parameters` is the number that hidden_size was chosen for, if it was.
    """
    network = learner.network
    log.info("data        %s", data.corpus.describe())
    for note in (*data.corpus.notes, *data.corpus.target_notes):
        log.warning("            %s", note)
    targets = data.spec.targets
    if isinstance(targets, StepClasses) and targets.tag_scheme and not SpanF1.is_available():
        log.warning("            the F1 of spans needs seqeval: pip install 'seqtrain[spans]'")
    log.info("model       %s, %s parameters", _backbone_name(learner), f"{network.num_parameters:,}")
    if parameters is not None:
        log.info("            its hidden_size was chosen for parameters=%s", f"{parameters:,}")
    log.info("device      %s, precision %s", _device_name(trainer), trainer.precision)
    resumed = ", resumed" if folder.last_checkpoint.exists() else ""
    log.info("run folder  %s%s", as_typed(folder.path), resumed)


def environment(trainer: pl.Trainer) -> dict[str, str]:
    """The machine and the versions of a run, for comparing its numbers later."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "device": _device_name(trainer),
        "processor": _processor_name(),
        "kernel": describe_kernel(),
        "precision": str(trainer.precision),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "seqtrain": __version__,
    }


def describe_end(trainer: pl.Trainer) -> str:
    """Why the training ended, and which weights were kept."""
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return f"{_reason(trainer, callbacks)}; {_describe_best(callbacks)}"


def _reason(trainer: pl.Trainer, callbacks: Iterable[pl.Callback]) -> str:
    num_epochs = trainer.current_epoch
    for callback in callbacks:
        if isinstance(callback, EarlyStopping) and callback.stopped_epoch > 0:
            waited = callback.wait_count * (trainer.check_val_every_n_epoch or 1)
            since = f"no better {callback.monitor} since epoch {num_epochs - waited}"
            return f"stopped early after epoch {num_epochs}: {since}"
    if num_epochs != trainer.max_epochs:
        return f"ended in epoch {num_epochs + 1} after {trainer.global_step:,} steps, as trainer.* asks for"
    return f"trained to the end, {num_epochs} epoch{'s' * (num_epochs != 1)}"


def _describe_best(callbacks: Iterable[pl.Callback]) -> str:
    for callback in callbacks:
        if isinstance(callback, BestCheckpoint) and callback.score is not None:
            score = f"{callback.monitor} {callback.score:.4f}"
            return f"the best weights are those of epoch {callback.epoch}, {score}"
    return "the last weights are kept"


def log_end(metrics: dict[str, float], trainer: pl.Trainer, folder: RunFolder, per_class: bool) -> None:
    """Print the final metrics and where to look; train.log has them too, with the F1 of every class."""
    path = as_typed(folder.path)
    hints = f"run folder  {path}"
    if any(isinstance(logger, TensorBoardLogger) for logger in trainer.loggers):
        # TensorBoard names a run by its path below the folder that it is given: this run itself would be ".".
        hints += f"\nlook inside with  tensorboard --logdir {shlex.quote(as_typed(folder.path.parent))}"
    print(printable(f"\n{metrics_table(metrics, per_class)}\n\n{hints}"), flush=True)
    log.info("\n%s\n\n%s", metrics_table(metrics), hints, extra={"is_result": True})


def _processor_name() -> str:
    try:  # platform.processor() is only "x86_64" on Linux
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _backbone_name(learner: SequenceLearner) -> str:
    network = learner.network
    backbone = getattr(network.backbone, "rnn", network.backbone)
    is_one_line = "\n" not in repr(backbone)  # torch shows the modules within one on lines of their own
    name = repr(backbone) if is_one_line else type(backbone).__name__
    return f"{len(network.members)} x {name}" if isinstance(network, Ensemble) else name


def _device_name(trainer: pl.Trainer) -> str:
    device = trainer.strategy.root_device
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} x {trainer.world_size}"
    threads = torch.get_num_threads()
    name = f"{device.type} with {threads} thread{'s' * (threads > 1)} of {os.cpu_count()}"
    return name if trainer.world_size == 1 else f"{trainer.world_size} x {name}"

"""The trainer with its callbacks and loggers, and what is checked of it before anything is written."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import CSVLogger, Logger
from pytorch_lightning.profilers import PassThroughProfiler

from seqtrain.config import ConfigError
from seqtrain.config.schemas.torch import ONE_CYCLE
from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.errors import first_line
from seqtrain.training.callbacks.checkpoints import LocalCheckpointIO
from seqtrain.training.network import construct
from seqtrain.training.steps import accumulation_schedulers, skip_unused_hooks


class NoProfiler(PassThroughProfiler):
    """Profiles nothing. Lightning's own creates about sixty context managers per step to do the same."""

    _nothing = nullcontext()

    def profile(self, action_name: str) -> Any:
        return self._nothing


def construct_trainer(
    settings: Mapping[str, Any], callbacks: Sequence[pl.Callback], loggers: Sequence[Logger]
) -> pl.Trainer:
    """The trainer of the configuration's `trainer`; nothing is written before it runs.

    Raises:
        ConfigError: this machine has no such device, or the trainer refuses its settings.
    """
    epochs = settings["max_epochs"]
    try:
        trainer: pl.Trainer = construct(
            settings,
            **({} if settings.get("profiler") else {"profiler": NoProfiler()}),
            max_epochs=-1 if epochs == "auto" else epochs,
            precision=choose_precision(settings),
            callbacks=[*callbacks],
            logger=[*loggers] or False,
            plugins=[*(settings.get("plugins") or []), LocalCheckpointIO()],
            # The package has its own summary, progress bar and checkpoints.
            enable_model_summary=False,
            enable_progress_bar=any(isinstance(c, pl.callbacks.ProgressBar) for c in callbacks),
            enable_checkpointing=any(isinstance(c, pl.callbacks.Checkpoint) for c in callbacks),
            num_sanity_val_steps=0,
        )
    except (MisconfigurationException, TypeError, ValueError) as error:
        raise ConfigError([f"trainer: {first_line(error)}"]) from None
    check_devices(trainer)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        skip_unused_hooks(callback)
    return trainer


def set_length(trainer: pl.Trainer, data: SequenceDataModule) -> None:
    """Give a trainer that was built with `max_epochs=auto` the number of epochs that suits the data.

    Args:
        trainer: as built.
        data: after its `setup`.

    Raises:
        ConfigError: the data source does not define a number of epochs.
    """
    batches_per_step = trainer.world_size * trainer.accumulate_grad_batches
    epochs = data.suitable_epochs(batches_per_step, trainer.limit_train_batches)
    if epochs is None:
        raise ConfigError(["trainer.max_epochs: auto needs data with epochs; give a number of epochs"])
    trainer.fit_loop.max_epochs = epochs


def build_evaluator(settings: Mapping[str, Any], callbacks: Sequence[pl.Callback] = ()) -> pl.Trainer:
    """A trainer for evaluation only: on one device, in the precision of the training, without output.

    Args:
        settings: the configuration's `trainer`, as it was for the training.
        callbacks: of the evaluation.
    """
    return pl.Trainer(
        # A run trained on a GPU can be evaluated where there is none.
        accelerator=settings["accelerator"] if torch.cuda.is_available() else "cpu",
        devices=1,
        precision=choose_precision(settings),  # type: ignore[arg-type]
        limit_val_batches=settings["limit_val_batches"],
        limit_test_batches=settings["limit_test_batches"],
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def choose_precision(settings: Mapping[str, Any]) -> str | int | None:
    """The precision that the configuration's `trainer` asks for; for `auto` the one that suits the device."""
    given: str | int | None = settings["precision"]
    if given != "auto":
        return given
    on_gpu = settings["accelerator"] in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return "bf16-mixed" if on_gpu and torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"


def build_loggers(node: Mapping[str, Any] | None) -> list[Logger]:
    """The loggers under `logger`: a single node, or a mapping of names to nodes; none where it is empty.

    Raises:
        ConfigError: the package that a logger needs is not installed.
    """
    if not node:
        return []
    nodes: dict[str, Any] = (
        {"logger": node} if "_target_" in node else {f"logger.{key}": each for key, each in node.items()}
    )
    return [_build_logger(each, path) for path, each in nodes.items() if each is not None]


def _build_logger(node: Mapping[str, Any], path: str) -> Logger:
    name = str(node["_target_"]).rpartition(".")[2]
    try:
        logger: Logger = construct(node)
    except (ImportError, TypeError, ValueError) as error:
        is_missing = isinstance(error, ImportError)
        problem = "needs a package that is not installed" if is_missing else "cannot be built"
        raise ConfigError([f"{path}: {name} {problem}: {first_line(error)}"]) from None
    return logger


def keep_rows(trainer: pl.Trainer) -> None:
    """Let a CSV logger continue the table of an interrupted run instead of starting a new one."""
    for logger in trainer.loggers:
        if not isinstance(logger, CSVLogger):
            continue
        table = Path(logger.log_dir) / "metrics.csv"
        if table.exists():
            with table.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            logger.experiment.metrics.extend(rows)
            logger.save()


def check_limits(trainer: pl.Trainer, data: SequenceDataModule, schedule: Mapping[Any, Any]) -> None:
    """Refuse what Lightning or torch would notice only after the run folder has been written.

    Args:
        trainer: as built.
        data: after its `setup`.
        schedule: its node of the configuration.

    Raises:
        ConfigError: a share of the batches is less than one batch, validation would never be reached, or the
            learning-rate schedule ends before the training.
    """
    problems = [*_find_problems(trainer, data), *_find_short_schedule(trainer, data, schedule)]
    if problems:
        raise ConfigError(problems)


def check_devices(trainer: pl.Trainer) -> None:
    """Refuse more processes on the CPU than it has cores.

    Raises:
        ConfigError: see above.
    """
    cores = os.cpu_count() or 1
    if trainer.strategy.root_device.type == "cpu" and trainer.num_devices > cores:
        raise ConfigError(
            [
                f"trainer.devices: got {trainer.num_devices}, but this machine has {cores} CPU cores, "
                "one for each process"
            ]
        )


def _find_problems(trainer: pl.Trainer, data: SequenceDataModule) -> Iterator[str]:
    loaders = (
        ("train", data.train_dataloader()),
        ("val", data.val_dataloader()),
        ("test", data.test_dataloader()),
    )
    counts = {name: -(-len(loader) // trainer.world_size) for name, loader in loaders}
    overfit: Any = trainer.overfit_batches  # type: ignore[attr-defined]
    for name, count in counts.items():
        limit = getattr(trainer, f"limit_{name}_batches")
        key = "overfit_batches" if overfit > 0 and name != "test" else f"limit_{name}_batches"
        if isinstance(limit, float) and limit > 0 and int(count * limit) < 1:
            yield f"trainer.{key}: {limit:g} of {count} batches is less than one; give a number of batches"
    yield from _find_late_validation(trainer, counts["train"])


def _find_short_schedule(
    trainer: pl.Trainer, data: SequenceDataModule, schedule: Mapping[Any, Any]
) -> Iterator[str]:
    """torch raises an error at the step after the last one of a one-cycle schedule."""
    length, epochs = schedule.get("total_steps"), trainer.max_epochs or -1
    if schedule.get("_target_") != ONE_CYCLE or length is None or accumulation_schedulers(trainer):
        return
    num_batches = _limited(trainer, -(-len(data.train_dataloader()) // trainer.world_size))
    lengths = [
        *([epochs * math.ceil(num_batches / trainer.accumulate_grad_batches)] if epochs > 0 else []),
        *([trainer.max_steps] if trainer.max_steps > 0 else []),
    ]
    if lengths and min(lengths) > length:
        yield (
            f"schedule.total_steps: got {length}, but the training has {min(lengths)} optimizer steps; at "
            f"least {min(lengths)}, or null for the length of the training"
        )


def _limited(trainer: pl.Trainer, num_batches: int) -> int:
    """The batches of an epoch of training."""
    limit = trainer.limit_train_batches
    return min(num_batches, limit) if isinstance(limit, int) else int(num_batches * limit)


def _find_late_validation(trainer: pl.Trainer, num_batches: int) -> Iterator[str]:
    every, num_batches = trainer.val_check_interval, _limited(trainer, num_batches)
    in_epoch = trainer.check_val_every_n_epoch is not None
    if in_epoch and isinstance(every, int) and every > num_batches > 0:
        yield (
            f"trainer.val_check_interval: got {every}, but an epoch has {num_batches} batches; at most "
            f"{num_batches}, or trainer.check_val_every_n_epoch=null to count across epochs"
        )

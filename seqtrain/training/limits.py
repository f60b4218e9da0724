"""The limits of a trainer against the number of batches, before anything is written."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytorch_lightning as pl

from seqtrain.config import ConfigError
from seqtrain.config.schemas.torch import ONE_CYCLE
from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.training.gradients import accumulation_schedulers


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

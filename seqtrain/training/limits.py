"""The limits of a trainer against the number of batches, before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl

from seqtrain.config import ConfigError
from seqtrain.data.datamodule import SequenceDataModule


def check_limits(trainer: pl.Trainer, data: SequenceDataModule) -> None:
    """Refuse what Lightning would notice only after the run folder has been written.

    Args:
        trainer: as built.
        data: after its `setup`.

    Raises:
        ConfigError: a share of the batches is less than one batch, or validation would never be reached.
    """
    problems = list(_find_problems(trainer, data))
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


def _find_late_validation(trainer: pl.Trainer, num_batches: int) -> Iterator[str]:
    limit, every = trainer.limit_train_batches, trainer.val_check_interval
    num_batches = min(num_batches, limit) if isinstance(limit, int) else int(num_batches * limit)
    in_epoch = trainer.check_val_every_n_epoch is not None
    if in_epoch and isinstance(every, int) and every > num_batches > 0:
        yield (
            f"trainer.val_check_interval: got {every}, but an epoch has {num_batches} batches; at most "
            f"{num_batches}, or trainer.check_val_every_n_epoch=null to count across epochs"
        )

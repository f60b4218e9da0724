"""How a training ended, in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping

from seqtrain.training.callbacks.best_checkpoint import BestCheckpoint


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

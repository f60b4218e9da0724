"""Which batches end a step."""

from __future__ import annotations

import pytorch_lightning as pl


def has_stepped(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether the optimizer moved after this batch, or its gradients wait for those of the next."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch

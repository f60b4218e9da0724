"""What callbacks need to know about a step: its output, and whether the optimizer moved."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from seqtrain.records import StepOutput


def step_output(outputs: Any) -> StepOutput:
    """The record of a step, which training returns beside the "loss" that Lightning requires."""
    output = outputs if isinstance(outputs, StepOutput) else outputs["output"]
    assert isinstance(output, StepOutput)
    return output


def has_stepped(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether the optimizer has taken a step after this batch, rather than accumulated its gradients."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch


def is_in_last_epoch(trainer: pl.Trainer) -> bool:
    """Whether the training ends with this epoch: so far as it is known, since it may stop early."""
    return trainer.max_epochs is not None and trainer.current_epoch + 1 == trainer.max_epochs

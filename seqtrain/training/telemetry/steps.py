"""What callbacks need to know about a step: its output, and whether the optimizer moved."""

from __future__ import annotations

from typing import Any, cast

import pytorch_lightning as pl

from seqtrain.analysis.places import name_members
from seqtrain.data.corpus import Corpus
from seqtrain.model.ensemble import Ensemble
from seqtrain.model.network import Network
from seqtrain.records import StepOutput


def step_output(outputs: Any) -> StepOutput:
    """The record of a step, which training returns beside the "loss" that Lightning requires."""
    output = outputs if isinstance(outputs, StepOutput) else outputs["output"]
    assert isinstance(output, StepOutput)
    return output


def has_stepped(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether the optimizer has taken a step after this batch, rather than accumulated its gradients."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch


def is_due(trainer: pl.Trainer, last_step: int | None, every_n_steps: int) -> bool:
    """Whether to measure after this validation.

    The first one and that of the last epoch are always due, so far as the last is known: a training may stop
    early.

    Args:
        trainer: in a validation.
        last_step: number of optimizer steps at the measurement before; None if there was none.
        every_n_steps: minimum number of optimizer steps between two measurements.
    """
    is_in_last_epoch = trainer.max_epochs is not None and trainer.current_epoch + 1 == trainer.max_epochs
    return last_step is None or is_in_last_epoch or trainer.global_step - last_step >= every_n_steps


def corpus_of(trainer: pl.Trainer) -> Corpus | None:
    """What the trainer's data module has loaded; None where it is none of this package, or there is none."""
    return getattr(getattr(trainer, "datamodule", None), "corpus", None)


def members_of(pl_module: pl.LightningModule) -> list[tuple[str, Network]]:
    """The networks of a learner, each with the prefix of its tags."""
    network = pl_module.network
    members = list(network.members) if isinstance(network, Ensemble) else [network]
    return list(zip(name_members(len(members)), cast(list[Network], members), strict=True))

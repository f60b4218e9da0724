"""Steps as callbacks see them: which hooks are called, what a step returned, whether a measurement is due."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytorch_lightning as pl

from seqtrain.analysis.places import name_members
from seqtrain.data.corpus import Corpus
from seqtrain.model.ensemble import Ensemble
from seqtrain.model.network import Network
from seqtrain.records import StepOutput

FIRST_COST = 0.4  # seconds that the first drawing is expected to take, with the import of the library


STEP_HOOKS = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)


def skip_unused_hooks(owner: pl.Callback | pl.LightningModule) -> None:
    """Make the trainer skip the hooks that `owner` inherits unchanged, and that were not set on it either.

    Lightning calls every hook of every callback at every step, unless the attribute is not callable.
    """
    base = pl.Callback if isinstance(owner, pl.Callback) else pl.LightningModule
    for hook in STEP_HOOKS:
        if hook not in vars(owner) and getattr(type(owner), hook) is getattr(base, hook):
            setattr(owner, hook, None)


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


class Pace:
    """Decides after each validation whether figures are due.

    They are when the number of optimizer steps has doubled since the last ones, provided that all the time
    spent on them stays below `share` of the time that the training has taken.

    Args:
        share: of the training time.
    """

    def __init__(self, share: float = 0.003) -> None:
        self.share = share
        self.last_step = 0
        self._started_at = time.monotonic()
        self._spent = 0.0
        self._cost = FIRST_COST

    def start(self) -> None:
        """The training begins."""
        self._started_at = time.monotonic()

    def is_due(self, step: int) -> bool:
        """Whether to draw after this number of optimizer steps."""
        elapsed = time.monotonic() - self._started_at
        return step >= 2 * self.last_step and self._spent + self._cost <= self.share * elapsed

    @contextmanager
    def drawing(self, step: int) -> Iterator[None]:
        """Measure the time of drawing after this number of optimizer steps."""
        before = time.monotonic()
        yield
        self._cost = time.monotonic() - before
        self._spent += self._cost
        self.last_step = step

    def state_dict(self) -> dict[str, Any]:
        return {"last_step": self.last_step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.last_step = state["last_step"]

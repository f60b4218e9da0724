"""Steps: which hooks they call, what they return, their gradients and number, and what is due after them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import GradientAccumulationScheduler
from torch import Tensor

from seqtrain.analysis.sample import name_members
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

    The first one and that of the last epoch are always due, as far as the last is known: a training may stop
    early.

    Args:
        trainer: in a validation.
        last_step: number of optimizer steps at the measurement before; None if there was none.
        every_n_steps: minimum number of optimizer steps between two measurements.
    """
    is_in_last_epoch = trainer.max_epochs is not None and trainer.current_epoch + 1 == trainer.max_epochs
    return last_step is None or is_in_last_epoch or trainer.global_step - last_step >= every_n_steps


def corpus_of(trainer: pl.Trainer) -> Corpus | None:
    """What the trainer's data module has loaded; None without a data module of this package."""
    return getattr(getattr(trainer, "datamodule", None), "corpus", None)


def members_of(pl_module: pl.LightningModule) -> list[tuple[str, Network]]:
    """The networks of a learner, each with the prefix of its tags."""
    network = pl_module.network
    members = list(network.members) if isinstance(network, Ensemble) else [network]
    return list(zip(name_members(len(members)), cast(list[Network], members), strict=True))


class Pace:
    """Decides after each validation whether figures are due.

    They are due when the number of optimizer steps has doubled since the last ones, provided that all the
    time spent on them stays below `share` of the time that the training has taken.

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
        """Start the clock of the training."""
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


class MeanOverPositions:
    """Weights the batches of an optimizer step by their valid positions, over all processes.

    Lightning averages over accumulated batches, and DDP over processes, as if all had equally many. How many
    there are is known only after the last batch. So the loss of each batch is its sum divided by a reference,
    the mean number of the processes' first batches, and at the end the gradients are multiplied by the ratio
    of the reference to the true number. Without accumulation the ratio is one, and in a single process each
    loss is a mean.
    """

    def __init__(self) -> None:
        self._reference: float | Tensor = 1.0
        self._num_valid = 0  # positions of this step in this process

    def weight(self, loss: Tensor, num_valid: int, trainer: pl.Trainer, batch_idx: int) -> Tensor:
        """The loss to differentiate, from the mean over the `num_valid` positions of a batch."""
        if trainer.world_size == 1 and trainer.accumulate_grad_batches == 1:
            return loss
        if batch_idx % trainer.accumulate_grad_batches == 0:
            self._reference, self._num_valid = _mean_of_processes(trainer, num_valid), 0
        self._num_valid += num_valid
        return loss * (num_valid / self._reference)

    def correct_gradients(self, trainer: pl.Trainer) -> None:
        """After the last batch of an optimizer step, which may have fewer batches at the end of an epoch."""
        if trainer.accumulate_grad_batches == 1:
            return
        # Lightning has divided each loss by accumulate_grad_batches.
        total = _mean_of_processes(trainer, self._num_valid)
        factor = trainer.accumulate_grad_batches * self._reference / total
        for gradient in _gradients(trainer):
            gradient.mul_(factor)


def unscale_for_fused(trainer: pl.Trainer) -> None:
    """Divide float16's scale out of the gradients of an optimizer that would do so in its own step.

    That would be too late for clipping, and for callbacks that look at gradients. The scaler remembers that
    they are unscaled, and the step takes them as they are. For all other optimizers the trainer does it, as
    it does for every one in a release without this private name, by which Lightning, too, tells them apart.
    """
    (optimizer,) = trainer.optimizers
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    if scaler is not None and getattr(optimizer, "_step_supports_amp_scaling", False):
        scaler.unscale_(optimizer)


def accumulation_schedulers(trainer: pl.Trainer) -> list[GradientAccumulationScheduler]:
    """The callbacks that change `accumulate_grad_batches` in some epochs."""
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return [callback for callback in callbacks if isinstance(callback, GradientAccumulationScheduler)]


def count_steps(trainer: pl.Trainer) -> int:
    """The optimizer steps of the whole training; Lightning's own number ignores those callbacks."""
    steps = int(trainer.estimated_stepping_batches)
    for scheduler in accumulation_schedulers(trainer):
        epochs = range(trainer.max_epochs or 0)
        accumulated = (scheduler.get_accumulate_grad_batches(epoch) for epoch in epochs)
        steps = min(steps, sum(math.ceil(trainer.num_training_batches / number) for number in accumulated))
    return steps


def _mean_of_processes(trainer: pl.Trainer, count: int) -> float | Tensor:
    """The mean of a number of each process; if all are 0, they count as 1 together: every loss is 0 then.

    It is on the device, so that nothing waits for it.
    """
    if trainer.world_size == 1:
        return max(float(count), 1.0)
    mean = trainer.strategy.reduce(
        torch.tensor(float(count), device=trainer.strategy.root_device), reduce_op="mean"
    )
    assert isinstance(mean, Tensor)
    return mean.clamp(min=1 / trainer.world_size)


def _gradients(trainer: pl.Trainer) -> list[Tensor]:
    (optimizer,) = trainer.optimizers
    parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
    return [parameter.grad for parameter in parameters if parameter.grad is not None]

"""The gradients of an optimizer step: those of the mean loss over its valid positions, before clipping."""

from __future__ import annotations

import math

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import GradientAccumulationScheduler
from torch import Tensor


class MeanOverPositions:
    """Weights the batches of an optimizer step by their valid positions, over all processes.

    Lightning averages over accumulated batches, and DDP over processes, as if all had equally many. How many
    there are is known after the last batch only. So the loss of each batch is its sum divided by a reference,
    the mean number of the processes' first batches, and at the end the gradients are multiplied by what the
    reference is off. Without accumulation it is off by nothing, and in a single process each loss is a mean.
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
    they are unscaled, and the step takes them as they are. For all other optimizers the trainer does it, and
    for every one where a release has no such private name: Lightning asks for the same.
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
    """The optimizer steps of the whole training; Lightning's own number is that without such callbacks."""
    steps = int(trainer.estimated_stepping_batches)
    for scheduler in accumulation_schedulers(trainer):
        epochs = range(trainer.max_epochs or 0)
        accumulated = (scheduler.get_accumulate_grad_batches(epoch) for epoch in epochs)
        steps = min(steps, sum(math.ceil(trainer.num_training_batches / number) for number in accumulated))
    return steps


def _mean_of_processes(trainer: pl.Trainer, count: int) -> float | Tensor:
    """Of a number of each process, which count as one together where all are 0: every loss is 0 then.

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

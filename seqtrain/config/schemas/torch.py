"""Schemas of torch's optimizers and learning-rate schedules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from seqtrain.config.schemas.schema import OPTIONAL, Tree, describes
from seqtrain.config.schemas.values import Count, Decay, Natural, NonNegative, Positive, Range, Share

# With a larger one, the weights would leave the range of float32 within a few steps.
LearningRate: TypeAlias = Annotated[float, Range(0, 1_000, above=True)]


class Optimizer:
    lr: LearningRate = OPTIONAL
    weight_decay: NonNegative = OPTIONAL
    maximize: bool = OPTIONAL
    foreach: bool | None = OPTIONAL
    differentiable: bool = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, _: Tree) -> Iterator[str]:
        if node.get("fused") and node.get("foreach"):
            yield (
                "optimizer.foreach: true and optimizer.fused=true are two ways of doing the same; "
                "give optimizer.fused=false"
            )
        if node.get("differentiable"):
            yield (
                "optimizer.differentiable: true needs a training that differentiates through the optimizer's "
                "steps, which this one does not; give optimizer.differentiable=false"
            )


class Capturable(Optimizer):
    capturable: bool = OPTIONAL


class Adaptive(Capturable):
    betas: tuple[Decay, Decay] = OPTIONAL
    eps: NonNegative = OPTIONAL


@describes("optimizer", "torch.optim.SGD")
class SGD(Optimizer):
    momentum: NonNegative = OPTIONAL
    dampening: float = OPTIONAL
    nesterov: bool = OPTIONAL
    fused: bool | None = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, tree: Tree) -> Iterator[str]:
        yield from Optimizer.contradictions(node, tree)
        if node.get("nesterov") and not node.get("momentum"):
            yield "optimizer.nesterov: true needs optimizer.momentum above 0"
        if node.get("nesterov") and node.get("dampening"):
            yield "optimizer.nesterov: true needs optimizer.dampening=0"


@describes("optimizer", "torch.optim.AdamW")
class AdamW(Adaptive):
    amsgrad: bool = OPTIONAL
    fused: bool | None = OPTIONAL


@describes("optimizer", "torch.optim.Adam")
class Adam(AdamW):
    decoupled_weight_decay: bool = OPTIONAL


@describes("optimizer", "torch.optim.Adamax")
class Adamax(Adaptive):
    pass


@describes("optimizer", "torch.optim.RAdam")
class RAdam(Adaptive):
    decoupled_weight_decay: bool = OPTIONAL


@describes("optimizer", "torch.optim.NAdam")
class NAdam(RAdam):
    momentum_decay: NonNegative = OPTIONAL


@describes("optimizer", "torch.optim.RMSprop")
class RMSprop(Capturable):
    alpha: Share = OPTIONAL
    eps: NonNegative = OPTIONAL
    momentum: NonNegative = OPTIONAL
    centered: bool = OPTIONAL


@describes("optimizer", "torch.optim.Adagrad")
class Adagrad(Optimizer):
    lr_decay: NonNegative = OPTIONAL
    initial_accumulator_value: NonNegative = OPTIONAL
    eps: NonNegative = OPTIONAL
    fused: bool | None = OPTIONAL


@describes("optimizer", "torch.optim.Adadelta")
class Adadelta(Capturable):
    rho: Share = OPTIONAL
    eps: NonNegative = OPTIONAL


@describes("optimizer", "torch.optim.ASGD")
class ASGD(Capturable):
    lambd: NonNegative = OPTIONAL
    alpha: Positive = OPTIONAL
    t0: NonNegative = OPTIONAL


class Schedule:
    last_epoch: int = OPTIONAL


@describes("schedule", "torch.optim.lr_scheduler.ConstantLR")
class ConstantLR(Schedule):
    factor: Share = OPTIONAL
    total_iters: Natural = OPTIONAL


@describes("schedule", "torch.optim.lr_scheduler.LinearLR")
class LinearLR(Schedule):
    start_factor: Share = OPTIONAL
    end_factor: Share = OPTIONAL
    total_iters: Natural = OPTIONAL


@describes("schedule", "torch.optim.lr_scheduler.PolynomialLR")
class PolynomialLR(Schedule):
    total_iters: Natural = OPTIONAL
    power: Positive = OPTIONAL


@describes("schedule", "torch.optim.lr_scheduler.StepLR")
class StepLR(Schedule):
    step_size: Count
    gamma: Positive = OPTIONAL


@describes("schedule", "torch.optim.lr_scheduler.MultiStepLR")
class MultiStepLR(Schedule):
    milestones: list[Count]
    gamma: Positive = OPTIONAL


@describes("schedule", "torch.optim.lr_scheduler.ExponentialLR")
class ExponentialLR(Schedule):
    gamma: Positive


@describes("schedule", "torch.optim.lr_scheduler.CosineAnnealingLR")
class CosineAnnealingLR(Schedule):
    T_max: Count | None = OPTIONAL
    eta_min: NonNegative = OPTIONAL


@describes("schedule", "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts")
class CosineAnnealingWarmRestarts(Schedule):
    T_0: Count
    T_mult: Count = OPTIONAL
    eta_min: NonNegative = OPTIONAL


@describes("schedule", "torch.optim.lr_scheduler.OneCycleLR")
class OneCycleLR(Schedule):
    max_lr: LearningRate
    total_steps: Count | None = OPTIONAL
    epochs: Count | None = OPTIONAL
    steps_per_epoch: Count | None = OPTIONAL
    pct_start: Decay = OPTIONAL
    anneal_strategy: Literal["cos", "linear"] = OPTIONAL
    cycle_momentum: bool = OPTIONAL
    base_momentum: Share = OPTIONAL
    max_momentum: Share = OPTIONAL
    div_factor: Positive = OPTIONAL
    final_div_factor: Positive = OPTIONAL
    three_phase: bool = OPTIONAL

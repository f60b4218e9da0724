"""Schemas of torch's optimizers and learning-rate schedules that the shipped files name.

The keys of the others are read off their signatures, as those of any class are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from seqtrain.config.schemas.schema import (
    OPTIONAL,
    Count,
    Decay,
    Elsewhere,
    Natural,
    NonNegative,
    Positive,
    Range,
    Share,
    Tree,
    describes,
)

# With a larger one, the weights would leave the range of float32 within a few steps.
LearningRate: TypeAlias = Annotated[float, Range(0, 1_000, above=True)]

ONE_CYCLE = "torch.optim.lr_scheduler.OneCycleLR"


class Optimizer:
    lr: LearningRate = OPTIONAL
    weight_decay: NonNegative = OPTIONAL
    maximize: bool = OPTIONAL
    foreach: bool | None = OPTIONAL
    fused: bool | None = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, _: Tree) -> Iterator[str]:
        if node.get("fused") and node.get("foreach"):
            yield (
                "optimizer.foreach: true and optimizer.fused=true are two ways of doing the same; "
                "give optimizer.fused=false"
            )
        if node.get("fused") and node.get("foreach") is False:
            yield "optimizer.foreach: false does nothing beside optimizer.fused=true; leave it out"
        if node.get("decoupled_weight_decay") and not node.get("weight_decay"):
            yield (
                "optimizer.decoupled_weight_decay: does nothing without weight decay; "
                "set optimizer.weight_decay above 0"
            )
        if node.get("nesterov") and not node.get("momentum"):
            yield "optimizer.nesterov: true needs optimizer.momentum above 0"
        if node.get("nesterov") and node.get("dampening"):
            yield "optimizer.nesterov: true needs optimizer.dampening=0"
        if node.get("dampening") and not node.get("momentum"):
            yield "optimizer.dampening: does nothing without momentum; set optimizer.momentum above 0"

    @staticmethod
    def unused(_: Tree, tree: Tree) -> Iterator[tuple[str, str]]:
        schedule = tree["schedule"]
        if schedule.get("_target_") != ONE_CYCLE:
            return
        if schedule["max_lr"] != tree["optimizer"].get("lr"):
            yield "lr", f"does nothing with schedule.max_lr={schedule['max_lr']:g}; set one of the two"
        if schedule.get("cycle_momentum", True):
            for key in ("momentum", "betas"):
                yield (
                    key,
                    "does nothing with schedule.cycle_momentum=true, which moves the momentum between "
                    "schedule.base_momentum and schedule.max_momentum; set those",
                )


@describes("optimizer", "torch.optim.SGD")
class SGD(Optimizer):
    momentum: NonNegative = OPTIONAL
    dampening: float = OPTIONAL
    nesterov: bool = OPTIONAL


@describes("optimizer", "torch.optim.AdamW")
class AdamW(Optimizer):
    betas: tuple[Decay, Decay] = OPTIONAL
    eps: NonNegative = OPTIONAL
    amsgrad: bool = OPTIONAL


@describes("optimizer", "torch.optim.Adam")
class Adam(AdamW):
    decoupled_weight_decay: bool = OPTIONAL


@describes("schedule", "torch.optim.lr_scheduler.ConstantLR")
class ConstantLR:
    factor: Annotated[float, Range(0, 1, above=True)] = OPTIONAL
    total_iters: Natural = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, _: Tree) -> Iterator[str]:
        if node.get("factor") == 1 and node.get("total_iters", 0) > 0:
            yield "schedule.total_iters: does nothing with schedule.factor=1; set factor below 1"
        if node.get("factor", 1) != 1 and node.get("total_iters") == 0:  # torch would never end it
            yield (
                f"schedule.factor: got {node['factor']:g} for total_iters=0 optimizer steps; set "
                "schedule.total_iters above 0, or optimizer.lr for another rate of the whole training"
            )


@describes("schedule", "torch.optim.lr_scheduler.CosineAnnealingLR")
class CosineAnnealingLR:
    T_max: Count | None = OPTIONAL
    eta_min: NonNegative = OPTIONAL


@describes("schedule", ONE_CYCLE)
class OneCycleLR:
    max_lr: LearningRate
    total_steps: Count | None = OPTIONAL
    pct_start: Decay = OPTIONAL
    anneal_strategy: Literal["cos", "linear"] = OPTIONAL
    cycle_momentum: bool = OPTIONAL
    base_momentum: Share = OPTIONAL
    max_momentum: Share = OPTIONAL
    div_factor: Positive = OPTIONAL
    final_div_factor: Positive = OPTIONAL
    three_phase: bool = OPTIONAL
    epochs: Elsewhere = "the schedule is as long as the training: set trainer.max_epochs"
    steps_per_epoch: Elsewhere = "the schedule is as long as the training, or as schedule.total_steps"

    @staticmethod
    def contradictions(node: Tree, _: Tree) -> Iterator[str]:
        for key in ("base_momentum", "max_momentum"):
            if key in node and not node.get("cycle_momentum", True):
                yield f"schedule.{key}: does nothing; set schedule.cycle_momentum=true"

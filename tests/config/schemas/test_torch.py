from __future__ import annotations

import inspect

import pytest
import torch

from seqtrain.config.schemas.schema import SCHEMAS, words_of
from seqtrain.config.schemas.torch import SGD, Optimizer


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_fused_optimizer_goes_with_every_precision(precision: str) -> None:
    assert [*Optimizer.contradictions({"fused": True}, {"trainer": {"precision": precision}})] == []


def test_torch_does_not_take_both_kinds_of_kernels() -> None:
    (problem,) = Optimizer.contradictions({"fused": True, "foreach": True}, {})
    assert problem == (
        "optimizer.foreach: true and optimizer.fused=true are two ways of doing the same; "
        "give optimizer.fused=false"
    )
    assert [*Optimizer.contradictions({"fused": False, "foreach": True}, {})] == []


def test_nesterov_needs_momentum() -> None:
    tree = {"trainer": {}}
    assert [*SGD.contradictions({"nesterov": True, "momentum": 0.0}, tree)] == [
        "optimizer.nesterov: true needs optimizer.momentum above 0"
    ]
    assert [*SGD.contradictions({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, tree)] == [
        "optimizer.nesterov: true needs optimizer.dampening=0"
    ]
    assert [*SGD.contradictions({"nesterov": True, "momentum": 0.9}, tree)] == []


def test_the_annealing_strategies_are_torchs() -> None:
    cycle = torch.optim.lr_scheduler.OneCycleLR
    strategies = words_of(SCHEMAS["torch.optim.lr_scheduler.OneCycleLR"].kinds["anneal_strategy"])
    assert inspect.signature(cycle).parameters["anneal_strategy"].default in strategies
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    for strategy in strategies:
        assert cycle(optimizer, 0.1, 10, anneal_strategy=strategy).total_steps == 10

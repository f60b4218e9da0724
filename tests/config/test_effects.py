"""A key that is accepted has an effect; one that has none is refused, with what to set instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from composing import problems_of
from disturbed_runs import run
from omegaconf import DictConfig, OmegaConf

from seqtrain.config import ConfigError, check_command_line, check_config, compose_config
from seqtrain.config.schemas.schema import SCHEMAS, accepts
from seqtrain.config.targets import ROLES, find_class
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs
from seqtrain.training.build import build_learner

SPEC = DataSpec(VectorInputs(feature_size=8), SequenceClasses(tuple("0123456789")))
SPEED = {"foreach", "fused"}  # choose the implementation of the same step

# A node of every built-in schedule in which each of its keys matters.
SCHEDULES: dict[str, dict[str, Any]] = {
    "ConstantLR": {"factor": 0.5, "total_iters": 3},
    "CosineAnnealingLR": {"T_max": None, "eta_min": 0.0},
    "OneCycleLR": {
        "max_lr": 0.2,
        "total_steps": None,
        "pct_start": 0.3,
        "anneal_strategy": "cos",
        "cycle_momentum": True,
        "base_momentum": 0.8,
        "max_momentum": 0.9,
        "div_factor": 25.0,
        "final_div_factor": 100.0,
        "three_phase": False,
    },
}
DECAYED = {"lr": 0.1, "weight_decay": 0.1, "maximize": False}
ADAPTIVE = {**DECAYED, "betas": [0.8, 0.9], "eps": 1e-8, "amsgrad": False}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {**DECAYED, "momentum": 0.9, "dampening": 0.0, "nesterov": False},
    "Adam": {**ADAPTIVE, "decoupled_weight_decay": False},
    "AdamW": ADAPTIVE,
}


def targets(role: str) -> list[str]:
    return [target for target, schema in SCHEMAS.items() if schema.role == role]


def other_value(kind: Any, value: Any) -> Any:
    """An accepted value that is far from `value`."""
    candidates: list[Any]
    if isinstance(value, bool):
        candidates = [not value]
    elif isinstance(value, (int, float)):
        candidates = [value + 1, value + 0.05, value - 0.3]
    else:
        candidates = [15, [0.5, 0.6], [4], "linear"]
    return next(each for each in candidates if each != value and accepts(kind, each))


def nodes(role: str, target: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The node of the table, as "", and one for each key of its schema in which that key is another."""
    table = SCHEDULES if role == "schedule" else OPTIMIZERS
    node, kinds = table[target.rpartition(".")[2]], SCHEMAS[target].kinds
    assert set(node) == set(kinds) - SPEED  # a new key is tried too
    yield "", node
    for key, value in node.items():
        yield key, {**node, key: other_value(kinds[key], value)}


def checked(role: str, target: str, node: dict[str, Any]) -> DictConfig:
    cfg = compose_config()
    cfg[role] = {"_target_": target, **node}
    if role == "optimizer":
        cfg.schedule.max_lr = "${optimizer.lr}"
    check_config(cfg)
    return cfg


@pytest.mark.parametrize("target", targets("schedule"))
def test_every_key_of_a_schedule_moves_the_rate_or_the_momentum(target: str) -> None:
    courses = {}
    for key, node in nodes("schedule", target):
        try:
            cfg = checked("schedule", target, node)
        except ConfigError:  # said to do nothing beside another
            continue
        learner = build_learner(cfg, SPEC)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.7)
        schedule = learner.build_schedule(optimizer, 12)
        course = []
        for _ in range(12):
            course.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
            optimizer.step()
            schedule.step()
        courses[key] = course
    base = courses.pop("")
    assert [key for key, course in courses.items() if course == base] == []


@pytest.mark.parametrize("target", targets("optimizer"))
def test_every_key_of_an_optimizer_moves_the_weights(target: str) -> None:
    results = {}
    for key, node in nodes("optimizer", target):
        keys = OmegaConf.to_container(checked("optimizer", target, node).optimizer)
        assert isinstance(keys, dict)
        weight = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
        optimizer = find_class(keys.pop("_target_"))([weight], **keys)
        for number in range(8):
            weight.grad = torch.tensor([1.0, 0.2], dtype=torch.float64) / (1 + number)
            optimizer.step()
        results[key] = weight.tolist()
    base = results.pop("")
    assert [key for key, weights in results.items() if weights == base] == []


@pytest.mark.parametrize("target", SCHEMAS)
def test_an_argument_is_a_key_or_refused_but_not_both(target: str) -> None:
    schema = SCHEMAS[target]
    assert not set(schema.kinds) & (set(schema.elsewhere) | set(ROLES[schema.role].elsewhere))
    assert all(text.startswith("not set here; ") for text in schema.elsewhere.values())


ALWAYS_REFUSED = {
    "schedule.last_epoch=3": "schedule.last_epoch: not set here; a run that is resumed continues its "
    "schedule",
    "schedule.epochs=3": (
        "schedule.epochs: not set here; the schedule is as long as the training: set trainer.max_epochs"
    ),
    "schedule.base_momentum=0.8": ("schedule.base_momentum: does nothing; set schedule.cycle_momentum=true"),
    "schedule=constant schedule.total_iters=5": (
        "schedule.total_iters: does nothing with schedule.factor=1; set factor below 1"
    ),
    "schedule=constant schedule.factor=0.5": (
        "schedule.factor: got 0.5 for total_iters=0 optimizer steps; set schedule.total_iters above 0, or "
        "optimizer.lr for another rate of the whole training"
    ),
    "optimizer=sgd optimizer.dampening=0.1 optimizer.momentum=0": (
        "optimizer.dampening: does nothing without momentum; set optimizer.momentum above 0"
    ),
    "optimizer=sgd optimizer.dampening=0.1 optimizer.nesterov=true": (
        "optimizer.nesterov: true needs optimizer.dampening=0"
    ),
    "optimizer=adam optimizer.decoupled_weight_decay=true": (
        "optimizer.decoupled_weight_decay: does nothing without weight decay; set "
        "optimizer.weight_decay above 0"
    ),
    "optimizer.fused=true optimizer.foreach=false": (
        "optimizer.foreach: false does nothing beside optimizer.fused=true; leave it out"
    ),
    "optimizer.capturable=true": (
        "optimizer.capturable: not set here; the steps of a training are not captured in CUDA graphs"
    ),
    "trainer.min_epochs=3": (
        "trainer.min_epochs: does nothing, since nothing stops this training early; leave it out, or choose "
        "callbacks=early_stopping"
    ),
    "trainer.gradient_clip_val=null trainer.gradient_clip_algorithm=norm": (
        "trainer.gradient_clip_algorithm: does nothing without clipping; set trainer.gradient_clip_val, or "
        "leave it out"
    ),
    "trainer.benchmark=true": (
        "trainer.benchmark: true undoes trainer.deterministic; set trainer.deterministic=false"
    ),
    "trainer.overfit_batches=2 trainer.limit_train_batches=3": (
        "trainer.limit_train_batches: does nothing beside trainer.overfit_batches; set one of the two"
    ),
    "trainer.sync_batchnorm=true": (
        "trainer.sync_batchnorm: does nothing in a network without batch normalization; leave it out"
    ),
    "trainer.limit_predict_batches=3": (
        "trainer.limit_predict_batches: not set here; seqtrain predict reads what it is given, in "
        "lines or files"
    ),
    "callbacks=early_stopping callbacks.early_stopping.verbose=true": (
        "callbacks.early_stopping.verbose: not set here; a run ends with a line on why training stopped"
    ),
    "logger.tensorboard.log_graph=true": (
        "logger.tensorboard.log_graph: not set here; seqtrain inspect shows what the network does"
    ),
    "data=mnist task=digits model.hidden_size=8 "
    "data.augment={_target_:seqtrain.data.RandomElastic,max_displacement:0,points:3}": (
        "data.augment.points: does nothing with max_displacement=0; set it above 0"
    ),
}
REFUSED_WHERE_GIVEN = {  # the shipped files list these keys in any case
    "optimizer.lr=0.1 schedule.max_lr=0.2": (
        "optimizer.lr: does nothing with schedule.max_lr=0.2; set one of the two"
    ),
    "optimizer=sgd optimizer.momentum=0.5 schedule.cycle_momentum=true": (
        "optimizer.momentum: does nothing with schedule.cycle_momentum=true, which moves the "
        "momentum between "
        "schedule.base_momentum and schedule.max_momentum; set those"
    ),
    "task=pos data=ud trainer.max_epochs=3 data.epochs=4": (
        "data.epochs: does nothing with trainer.max_epochs=3; set trainer.max_epochs=auto"
    ),
    "task=pos data.path=x data.treebank=y": (
        "data.treebank: does nothing with data.path='x'; set data.path=null"
    ),
    "task=pos data.max_vectors=9": (
        "data.max_vectors: does nothing without word vectors; set data.vectors to their file"
    ),
    "task=pos encoder.character_hidden_size=0 encoder.character_size=9": (
        "encoder.character_size: does nothing without spellings; set encoder.character_hidden_size above 0"
    ),
    "task=pos encoder.word_size=0 encoder.unknown_rate=0.1": (
        "encoder.unknown_rate: does nothing without trained embeddings; set encoder.word_size above 0"
    ),
    "logger=csv callbacks.run_page.text=true": (
        "callbacks.run_page.text: does nothing without TensorBoard; set logger=tensorboard"
    ),
    "logger=csv callbacks.predictions.mistakes=true": (
        "callbacks.predictions.mistakes: does nothing without TensorBoard; set logger=tensorboard"
    ),
    "callbacks.predictions.mistakes=false callbacks.predictions.projector=false "
    "callbacks.predictions.num_sequences=9": (
        "callbacks.predictions.num_sequences: does nothing without mistakes or projector; set one of "
        "these to true"
    ),
    "callbacks.recurrence.gates=false callbacks.recurrence.gradients=false "
    "callbacks.recurrence.figures=false "
    "callbacks.recurrence.every_n_steps=9": (
        "callbacks.recurrence.every_n_steps: does nothing without gates, gradients or figures; set "
        "one of these "
        "to true"
    ),
}


@pytest.mark.parametrize("given", [*ALWAYS_REFUSED, *REFUSED_WHERE_GIVEN])
def test_a_key_without_effect_is_refused(given: str) -> None:
    assert problems_of(*given.split()) == ({**ALWAYS_REFUSED, **REFUSED_WHERE_GIVEN}[given],)


@pytest.mark.parametrize("given", REFUSED_WHERE_GIVEN)
def test_a_key_that_only_the_shipped_files_give_may_idle(given: str) -> None:
    *others, _ = sorted(given.split(), key=lambda each: each.startswith(_path(REFUSED_WHERE_GIVEN[given])))
    compose_config(others)


def _path(problem: str) -> str:
    return problem.partition(":")[0] + "="


@pytest.mark.parametrize(
    "given",
    [
        "optimizer=sgd schedule.cycle_momentum=true schedule.base_momentum=0.8",
        "callbacks=early_stopping trainer.min_epochs=3",
        "trainer.max_time=00:01:00:00 trainer.min_epochs=3",
        "trainer.deterministic=false trainer.benchmark=true",
        "task=pos data=ud data.epochs=4",
        "schedule=constant schedule.factor=0.5 schedule.total_iters=9",
        "optimizer.lr=0.1 schedule.max_lr=0.1",
        "logger=[tensorboard,csv] callbacks.run_page.text=true",
    ],
)
def test_the_same_keys_are_accepted_where_they_act(given: str) -> None:
    compose_config(given.split())


@pytest.mark.parametrize(
    "given",
    [
        "epochs=5",
        "task=pos epochs=5",
        "trainer.epochs=5",
        "data.epochs=5",
        "optimizer.epochs=5",
        "num_epochs=5",
    ],
)
def test_the_length_of_the_training_is_what_epochs_means(given: str) -> None:
    (problem,) = problems_of(*given.split())
    assert problem.endswith("did you mean trainer.max_epochs?")


def test_a_job_of_a_sweep_is_refused_too() -> None:
    with pytest.raises(ConfigError) as caught:
        check_command_line(["-m", "optimizer.lr=0.1,0.2", "schedule.max_lr=0.1"])
    assert caught.value.problems == (
        "optimizer.lr: does nothing with schedule.max_lr=0.1; set one of the two "
        "(in 1 of 2 jobs, first in: optimizer.lr=0.2 schedule.max_lr=0.1)",
    )


def test_optimizers_and_schedules_that_no_file_names_are_bound_to_their_signatures(compose) -> None:
    cfg = compose("trainer.max_epochs=1", "trainer.limit_train_batches=1")
    cfg.optimizer = {"_target_": "torch.optim.RMSprop", "lr": 0.01, "alpha": 0.9}
    cfg.schedule = {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 2}
    check_config(cfg)
    run(cfg)
    cfg.optimizer.alhpa, cfg.optimizer.capturable = 0.9, True
    cfg.schedule.step_siz, cfg.schedule.last_epoch = 2, 3
    with pytest.raises(ConfigError) as caught:
        check_config(cfg)
    assert caught.value.problems == (
        "optimizer.alhpa: no such key in torch.optim.RMSprop; did you mean optimizer.alpha?",
        "optimizer.capturable: not set here; the steps of a training are not captured in CUDA graphs",
        "schedule.step_siz: no such key in torch.optim.lr_scheduler.StepLR; did you mean schedule.step_size?",
        "schedule.last_epoch: not set here; a run that is resumed continues its schedule",
    )


def test_a_profile_is_written(compose) -> None:
    cfg = compose("trainer.profiler=simple", "trainer.max_epochs=1", "trainer.limit_train_batches=1")
    run(cfg)
    assert "Profiler Report" in (Path(cfg.run_dir) / "train.log").read_text()

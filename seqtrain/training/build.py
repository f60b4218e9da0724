"""What a checked configuration is turned into: all that a training or an evaluation uses.

The configuration ends here and in `network`: functions that are given one of these records do not read it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torchmetrics import Metric

from seqtrain.config import ConfigError
from seqtrain.config.targets import find_class
from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.errors import first_line
from seqtrain.runs.folder import RunFolder, plain
from seqtrain.runs.logs import patience
from seqtrain.spec import Classes, DataSpec
from seqtrain.training.callbacks.progress import EvaluationThroughput, Throughput
from seqtrain.training.checkpoint import check_finite, load_weights, read_weights
from seqtrain.training.learner import OptimizerBuilder, ScheduleBuilder, SequenceLearner
from seqtrain.training.network import build_network, construct, for_any_device, with_hidden_size
from seqtrain.training.telemetry.curves import TrainingCurves, name_data
from seqtrain.training.trainer import (
    build_evaluator,
    build_loggers,
    check_limits,
    construct_trainer,
    set_length,
)


@dataclass(frozen=True)
class Training:
    """All that a training uses.

    Args:
        folder: of the run.
        config: as config.yaml keeps it, with the hidden_size that `parameters` asks for.
        data: set up for training.
        learner: with the weights to start from.
        trainer: as long as the configuration or the data asks for.
        evaluator: a trainer for the final evaluation.
        checkpoint: to resume from, or to take weights from; None for a training from the beginning.
    """

    folder: RunFolder
    config: dict[str, Any]
    data: SequenceDataModule
    learner: SequenceLearner
    trainer: pl.Trainer
    evaluator: pl.Trainer
    checkpoint: Path | None


@dataclass(frozen=True)
class Evaluation:
    """All that the evaluation of a checkpoint uses: data, the learner with its weights, and the evaluator."""

    data: SequenceDataModule
    learner: SequenceLearner
    evaluator: pl.Trainer


def build_training(
    cfg: Mapping[str, Any], folder: RunFolder, further_callbacks: Sequence[pl.Callback] = ()
) -> Training:
    """Build a training, and prepare its data; nothing is written to the run folder.

    Raises:
        ConfigError: the configuration does not fit the machine, the data or the checkpoint.
        DataError: the data is missing or invalid.
    """
    pl.seed_everything(cfg["seed"], verbose=False)
    data = _prepare_data(build_data(cfg), folder)
    cfg = with_hidden_size(cfg, data.spec)
    learner = build_learner(cfg, data.spec, data.corpus.vectors)
    checkpoint = _checkpoint(cfg["checkpoint"], folder)
    if checkpoint is not None:
        # The trainer would do it, but only after something is written.
        load_weights(learner, read_weights(checkpoint))
    trainer = build_trainer(cfg, further_callbacks)
    if cfg["trainer"]["max_epochs"] == "auto":
        set_length(trainer, data)
    check_limits(trainer, data, cfg["schedule"])
    evaluator = build_evaluator(cfg["trainer"], [EvaluationThroughput()])
    return Training(folder, plain(cfg), data, learner, trainer, evaluator, checkpoint)


def _prepare_data(data: SequenceDataModule, folder: RunFolder) -> SequenceDataModule:
    if folder.last_checkpoint.exists():
        data.recall(read_weights(folder.last_checkpoint).spec)
    with patience("reading the data", folder.leads):
        data.prepare_data()
        data.setup("fit")
    return data


def _checkpoint(given: str | None, folder: RunFolder) -> Path | None:
    if folder.last_checkpoint.exists():
        return folder.last_checkpoint
    return None if given is None else Path(given)


def build_evaluation(cfg: Mapping[str, Any], checkpoint: Path) -> Evaluation:
    """Build the evaluation of a run's checkpoint, and read its data.

    Raises:
        ConfigError: the checkpoint cannot be read, or comes from other data or another model.
        RunError: a weight is nan or infinite.
        DataError: the data is missing or invalid.
    """
    weights = read_weights(checkpoint)
    check_finite(weights.state_dict, checkpoint)
    data = build_data(cfg)
    data.recall(weights.spec)
    data.setup()
    learner = build_learner(cfg if torch.cuda.is_available() else for_any_device(cfg), data.spec)
    load_weights(learner, weights)
    return Evaluation(data, learner, build_evaluator(cfg["trainer"]))


def build_data(cfg: Mapping[str, Any]) -> SequenceDataModule:
    """The data module of `data`; nothing is read before its `setup`."""
    return SequenceDataModule(construct(cfg["data"]), seed=cfg["seed"])


def build_trainer(cfg: Mapping[str, Any], further_callbacks: Sequence[pl.Callback] = ()) -> pl.Trainer:
    """The trainer with its callbacks and loggers; nothing is written before it runs.

    With `max_epochs=auto` it has no length yet, see `set_length`.

    Raises:
        ConfigError: this machine has no such device, or the trainer refuses its settings.
    """
    loggers = build_loggers(cfg.get("logger"))
    named = [construct(node) for node in (cfg.get("callbacks") or {}).values() if node is not None]
    curves = [TrainingCurves(cfg["task"]["monitor"], name_data(cfg["data"]))] if loggers else []
    trainer = construct_trainer(cfg["trainer"], [*named, *further_callbacks, Throughput(), *curves], loggers)
    device = trainer.strategy.root_device.type
    if cfg["model"].get("backend") == "triton" and device != "cuda":
        raise ConfigError([f"model.backend: triton needs a GPU, and this runs on {device}; leave it at auto"])
    return trainer


def build_learner(
    cfg: Mapping[str, Any], spec: DataSpec, vectors: torch.Tensor | None = None
) -> SequenceLearner:
    """The network with its task, optimizer and learning-rate schedule.

    Raises:
        ConfigError: the task does not learn such targets; see `build_network` and `SequenceLearner`.
    """
    task = construct(cfg["task"])
    task.check_spec(spec)
    network = build_network(cfg, spec, vectors)
    metrics = {
        name: _build_metric(name, node, spec) for name, node in (cfg.get("metrics") or {}).items() if node
    }
    # What a run folder keeps for evaluation has neither of the two.
    optimizer, schedule = _optimizer(cfg.get("optimizer", {})), _schedule(cfg.get("schedule", {}))
    return SequenceLearner(network, task, spec, optimizer, schedule, metrics)


def _build_metric(name: str, node: Mapping[str, Any], spec: DataSpec) -> Metric:
    """A metric of the configuration; for classes it is given their number."""
    kind = find_class(node["_target_"])
    sizes = {"num_classes": spec.targets.num_targets} if isinstance(spec.targets, Classes) else {}
    missing = {
        key: value
        for key, value in sizes.items()
        if key in inspect.signature(kind).parameters and node.get(key) is None
    }
    try:
        metric: Metric = construct(node, **missing)
    except (TypeError, ValueError) as error:
        raise ConfigError([f"metrics.{name}: {first_line(error)}"]) from None
    return metric


def _optimizer(node: Mapping[str, Any]) -> OptimizerBuilder:
    def build(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = construct(node, params=parameters)
        return optimizer

    return build


def _schedule(node: Mapping[str, Any]) -> ScheduleBuilder:
    def build(optimizer: torch.optim.Optimizer, num_steps: int) -> torch.optim.lr_scheduler.LRScheduler:
        # torch has two names for the length of a schedule; null is the length of the training.
        arguments = inspect.signature(find_class(node["_target_"])).parameters
        lengths = {
            key: num_steps for key in ("total_steps", "T_max") if key in arguments and node.get(key) is None
        }
        if "total_steps" in lengths and node.get("pct_start", 0) * num_steps == 1:
            lengths["total_steps"] += 1  # OneCycleLR divides by the number of its rising steps minus one
        schedule: torch.optim.lr_scheduler.LRScheduler = construct(node, optimizer=optimizer, **lengths)
        return schedule

    return build

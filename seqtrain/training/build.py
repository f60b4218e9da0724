"""Build data module, learner and trainer from a checked configuration."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger
from torchmetrics import Metric

from seqtrain.config import ConfigError
from seqtrain.config.problems import first_line
from seqtrain.config.targets import find_class
from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.spec import Classes, DataSpec
from seqtrain.training.callbacks import Throughput
from seqtrain.training.checkpoint import load_weights, read_weights
from seqtrain.training.checkpoint_io import LocalCheckpointIO
from seqtrain.training.construct import construct
from seqtrain.training.learner import OptimizerBuilder, ScheduleBuilder, SequenceLearner
from seqtrain.training.limits import check_devices
from seqtrain.training.loggers import build_loggers
from seqtrain.training.network import build_network, for_any_device
from seqtrain.training.overhead import NoProfiler, skip_unused_hooks
from seqtrain.training.telemetry.training_curves import TrainingCurves


def build_data(cfg: DictConfig) -> SequenceDataModule:
    """The data module of `cfg.data`; nothing is read before its `setup`."""
    return SequenceDataModule(construct(cfg.data), seed=cfg.seed)


def build_learner(cfg: DictConfig, spec: DataSpec, vectors: torch.Tensor | None = None) -> SequenceLearner:
    """The network with its task, optimizer and learning-rate schedule.

    Raises:
        ConfigError: the task does not learn such targets; see `build_network` and `SequenceLearner`.
    """
    task = construct(cfg.task)
    task.check_spec(spec)
    network = build_network(cfg, spec, vectors)
    metrics = {
        name: _build_metric(name, node, spec) for name, node in (cfg.get("metrics") or {}).items() if node
    }
    return SequenceLearner(network, task, spec, _optimizer(cfg), _schedule(cfg), metrics)


def _build_metric(name: str, node: DictConfig, spec: DataSpec) -> Metric:
    """A metric of the configuration; of classes it is told their number."""
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


def build_trainer(cfg: DictConfig, further_callbacks: Sequence[pl.Callback] = ()) -> pl.Trainer:
    """The trainer with its callbacks and loggers; nothing is written before it runs.

    With `max_epochs=auto` it has no length yet, see `set_length`.

    Raises:
        ConfigError: this machine has no such device, or the trainer refuses its settings.
    """
    loggers = build_loggers(cfg)
    callbacks = [*_build_callbacks(cfg), *further_callbacks, Throughput()]
    if loggers:
        callbacks.append(TrainingCurves(cfg.task.monitor))
    trainer = _construct_trainer(cfg, callbacks, loggers)
    check_devices(trainer)
    _check_device(cfg, trainer)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        skip_unused_hooks(callback)
    return trainer


def _build_callbacks(cfg: DictConfig) -> list[pl.Callback]:
    nodes = cfg.get("callbacks") or {}
    return [construct(node) for node in nodes.values() if node is not None]


def _construct_trainer(
    cfg: DictConfig, callbacks: Sequence[pl.Callback], loggers: Sequence[Logger]
) -> pl.Trainer:
    try:
        trainer: pl.Trainer = construct(
            cfg.trainer,
            **({} if cfg.trainer.get("profiler") else {"profiler": NoProfiler()}),
            max_epochs=-1 if cfg.trainer.max_epochs == "auto" else cfg.trainer.max_epochs,
            precision=choose_precision(cfg.trainer),
            callbacks=[*callbacks],
            logger=[*loggers] or False,
            plugins=[*(cfg.trainer.get("plugins") or []), LocalCheckpointIO()],
            # The package has its own summary, progress bar and checkpoints.
            enable_model_summary=False,
            enable_progress_bar=any(isinstance(c, pl.callbacks.ProgressBar) for c in callbacks),
            enable_checkpointing=any(isinstance(c, pl.callbacks.Checkpoint) for c in callbacks),
            num_sanity_val_steps=0,
        )
    except (MisconfigurationException, TypeError, ValueError) as error:
        raise ConfigError([f"trainer: {first_line(error)}"]) from None
    return trainer


def _check_device(cfg: DictConfig, trainer: pl.Trainer) -> None:
    """Refuse what the device of the training cannot do."""
    device = trainer.strategy.root_device.type
    if cfg.model.get("backend") == "triton" and device != "cuda":
        raise ConfigError([f"model.backend: triton needs a GPU, and this runs on {device}; leave it at auto"])


def set_length(trainer: pl.Trainer, data: SequenceDataModule) -> None:
    """Give a trainer that was built with `max_epochs=auto` the number of epochs that suits the data.

    Args:
        trainer: as built.
        data: after its `setup`.

    Raises:
        ConfigError: the data source does not define a number of epochs.
    """
    batches_per_step = trainer.world_size * trainer.accumulate_grad_batches
    epochs = data.suitable_epochs(batches_per_step, trainer.limit_train_batches)
    if epochs is None:
        raise ConfigError(["trainer.max_epochs: auto needs data with epochs; give a number of epochs"])
    trainer.fit_loop.max_epochs = epochs


def build_evaluator(cfg: DictConfig, callbacks: Sequence[pl.Callback] = ()) -> pl.Trainer:
    """A trainer for evaluation only: on one device, in the precision of the training, without output."""
    return pl.Trainer(
        # A run trained on a GPU can be evaluated where there is none.
        accelerator=cfg.trainer.accelerator if torch.cuda.is_available() else "cpu",
        devices=1,
        precision=choose_precision(cfg.trainer),  # type: ignore[arg-type]
        limit_val_batches=cfg.trainer.limit_val_batches,
        limit_test_batches=cfg.trainer.limit_test_batches,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def load_learner(cfg: DictConfig, checkpoint: Path) -> SequenceLearner:
    """A learner with the weights of a checkpoint, sized by the DataSpec stored there.

    Raises:
        ConfigError: see `read_weights` and `load_weights`.
    """
    weights = read_weights(checkpoint)
    learner = build_learner(for_any_device(cfg), weights.spec)
    load_weights(learner, weights)
    return learner


def _optimizer(cfg: DictConfig) -> OptimizerBuilder:
    def build(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = construct(cfg.optimizer, params=parameters)
        return optimizer

    return build


def _schedule(cfg: DictConfig) -> ScheduleBuilder:
    def build(optimizer: torch.optim.Optimizer, num_steps: int) -> torch.optim.lr_scheduler.LRScheduler:
        # torch has two names for the length of a schedule; null is the length of the training.
        arguments = inspect.signature(find_class(cfg.schedule._target_)).parameters
        lengths = {
            key: num_steps
            for key in ("total_steps", "T_max")
            if key in arguments and cfg.schedule.get(key) is None
        }
        if "total_steps" in lengths and cfg.schedule.get("pct_start", 0) * num_steps == 1:
            lengths["total_steps"] += 1  # OneCycleLR divides by the number of its rising steps minus one
        schedule: torch.optim.lr_scheduler.LRScheduler = construct(
            cfg.schedule, optimizer=optimizer, **lengths
        )
        return schedule

    return build


def choose_precision(trainer: DictConfig) -> str | int | None:
    """The precision that `cfg.trainer` asks for; for `auto` that which suits the device."""
    if trainer.precision != "auto":
        given: str | int | None = trainer.precision
        return given
    on_gpu = trainer.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return "bf16-mixed" if on_gpu and torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"

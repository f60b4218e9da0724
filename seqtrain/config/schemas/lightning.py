"""Schemas of Lightning's trainer, and of the callbacks and loggers that the shipped files name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from seqtrain.config.schemas.schema import (
    OPTIONAL,
    Count,
    Elsewhere,
    LocalPath,
    Natural,
    Node,
    NonNegative,
    Pattern,
    Positive,
    Range,
    Share,
    Tree,
    describes,
    read_schema,
    schema_at,
)

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu", "hpu"]
# What this package's networks run in: their inputs are float32, so that others would fail at the first step.
Precision = Literal["auto", "32-true", "16-mixed", "bf16-mixed", "16", "32", "bf16", 16, 32]
TimeUnit = Literal["weeks", "days", "hours", "minutes", "seconds"]
Devices: TypeAlias = (
    Count | Literal[-1] | list[Natural] | Annotated[str, Pattern(r"auto|-1|\d+(,\d+)*", "auto, -1 or 0,1")]
)

# The registered strategies for networks that fit on one device; others can be given as a node.
Strategy = Literal[
    "auto",
    "single_device",
    "ddp",
    "ddp_spawn",
    "ddp_fork",
    "ddp_notebook",
    "ddp_find_unused_parameters_true",
    "ddp_find_unused_parameters_false",
]
Time: TypeAlias = Annotated[str, Pattern(r"\d+:\d\d:\d\d:\d\d", "DD:HH:MM:SS")] | dict[TimeUnit, float]
Batches: TypeAlias = Natural | Share | None
SomeBatches: TypeAlias = Count | Annotated[float, Range(0, 1, above=True)] | None

# Set by what starts the processes of several machines: SLURM, torchrun, LSF, or by hand.
CLUSTER = ("SLURM_NTASKS", "TORCHELASTIC_RUN_ID", "LSB_JOBID", "MASTER_ADDR")


class Evaluator:
    """What the evaluation of a run takes from its trainer."""

    accelerator: Accelerator | Node = OPTIONAL
    precision: Precision | None = OPTIONAL
    limit_val_batches: SomeBatches = OPTIONAL
    limit_test_batches: Batches = OPTIONAL


EVALUATOR = read_schema(Evaluator, "pytorch_lightning.Trainer", "trainer")


@describes("trainer", "pytorch_lightning.Trainer")
class Trainer(Evaluator):
    max_epochs: Count | Literal["auto"] | None
    min_epochs: Natural | None = OPTIONAL
    max_steps: Literal[-1] | Count = OPTIONAL
    min_steps: Natural | None = OPTIONAL
    max_time: Time | None = OPTIONAL
    devices: Devices = OPTIONAL
    num_nodes: Count = OPTIONAL
    strategy: Strategy | Node = OPTIONAL
    gradient_clip_val: Positive | None = OPTIONAL
    gradient_clip_algorithm: Literal["norm", "value"] | None = OPTIONAL
    accumulate_grad_batches: Count = OPTIONAL
    deterministic: bool | Literal["warn"] | None = OPTIONAL
    benchmark: bool | None = OPTIONAL
    inference_mode: bool = OPTIONAL
    detect_anomaly: bool = OPTIONAL
    log_every_n_steps: Count | None = OPTIONAL
    check_val_every_n_epoch: Count | None = OPTIONAL
    val_check_interval: SomeBatches | Time = OPTIONAL
    limit_train_batches: SomeBatches = OPTIONAL
    overfit_batches: Natural | Share = OPTIONAL
    profiler: Literal["simple", "advanced", "pytorch", "xla"] | Node | None = OPTIONAL
    plugins: Any = OPTIONAL
    sync_batchnorm: bool = OPTIONAL
    default_root_dir: LocalPath | None = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, tree: Tree) -> Iterator[str]:
        epochs, steps = node.get("max_epochs", 1), node.get("max_steps", -1)
        if epochs is None and steps == -1:
            yield "trainer.max_epochs: null needs trainer.max_steps, or training has no end"
        every = node.get("check_val_every_n_epoch") or 1
        if isinstance(epochs, int) and every > epochs:
            yield (
                f"trainer.check_val_every_n_epoch: got {every}, but training ends after {epochs} epochs; "
                f"at most {epochs}, or there is no validation to choose a checkpoint by"
            )
        yield from _find_unused(node, tree)
        if node.get("num_nodes", 1) > 1 and not any(name in os.environ for name in CLUSTER):
            yield (
                f"trainer.num_nodes: got {node['num_nodes']}, but neither SLURM nor torchrun started this "
                "process, and it would wait for the other machines forever; start it with one of them"
            )


def _find_unused(node: Tree, tree: Tree) -> Iterator[str]:
    """The trainer's keys that do nothing beside the others, as "path: problem"."""
    if node.get("gradient_clip_algorithm") and node.get("gradient_clip_val") is None:
        yield (
            "trainer.gradient_clip_algorithm: does nothing without clipping; set trainer.gradient_clip_val, "
            "or leave it out"
        )
    if node.get("benchmark") and node.get("deterministic"):
        yield "trainer.benchmark: true undoes trainer.deterministic; set trainer.deterministic=false"
    for key in ("limit_train_batches", "limit_val_batches"):
        if node.get("overfit_batches") and node.get(key, 1.0) != 1.0:
            yield f"trainer.{key}: does nothing beside trainer.overfit_batches; set one of the two"
    for key in ("min_epochs", "min_steps"):
        if node.get(key) and node.get("max_time") is None and not _may_stop_early(tree):
            yield (
                f"trainer.{key}: does nothing, since nothing stops this training early; leave it out, "
                "or choose callbacks=early_stopping"
            )
    schemas = [schema_at(tree, group) for group in ("encoder", "model", "head")]
    if node.get("sync_batchnorm") and None not in schemas:
        yield "trainer.sync_batchnorm: does nothing in a network without batch normalization; leave it out"


def _may_stop_early(tree: Tree) -> bool:
    """Whether a callback is Lightning's or a user's own: this package's stop a training only by an error."""
    nodes = [node for node in (tree.get("callbacks") or {}).values() if isinstance(node, dict)]
    return any(not str(node.get("_target_")).startswith("seqtrain.") for node in nodes)


@describes("callbacks", "pytorch_lightning.callbacks.EarlyStopping")
class EarlyStopping:
    monitor: str
    mode: Literal["min", "max"] = OPTIONAL
    patience: Natural = OPTIONAL
    min_delta: NonNegative = OPTIONAL
    stopping_threshold: float | None = OPTIONAL
    divergence_threshold: float | None = OPTIONAL
    check_finite: bool = OPTIONAL
    check_on_train_epoch_end: bool | None = OPTIONAL
    strict: bool = OPTIONAL
    verbose: Elsewhere = "a run ends with a line on why training stopped"
    log_rank_zero_only: Elsewhere = "a run ends with a line on why training stopped"


@describes("callbacks", "pytorch_lightning.callbacks.LearningRateMonitor")
class LearningRateMonitor:
    logging_interval: Literal["step", "epoch"] | None = OPTIONAL
    log_momentum: bool = OPTIONAL
    log_weight_decay: bool = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, tree: Tree) -> Iterator[str]:
        if not any((tree.get("logger") or {}).values()):
            name = next(name for name, each in tree["callbacks"].items() if each is node)
            yield f"callbacks.{name}: has no logger to write to; choose logger=tensorboard or csv"


class FolderLogger:
    save_dir: LocalPath
    name: str | None = OPTIONAL
    version: int | str | None = OPTIONAL
    prefix: str = OPTIONAL


@describes("logger", "pytorch_lightning.loggers.CSVLogger")
class CSVLogger(FolderLogger):
    flush_logs_every_n_steps: Count = OPTIONAL


@describes("logger", "seqtrain.training.TensorBoard")
@describes("logger", "pytorch_lightning.loggers.TensorBoardLogger")
class TensorBoardLogger(FolderLogger):
    sub_dir: str | None = OPTIONAL
    max_queue: Count = OPTIONAL
    flush_secs: Count = OPTIONAL
    filename_suffix: str = OPTIONAL
    default_hp_metric: Elsewhere = "callbacks.run_page.hparams adds hyperparameters and final metrics"
    log_graph: Elsewhere = "seqtrain inspect shows what the network does"

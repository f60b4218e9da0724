"""Schemas of Lightning's trainer, and of the callbacks and loggers that the shipped files name."""

from __future__ import annotations

from typing import Any, Literal

from seqtrain.config.schemas.schema import OPTIONAL, describes
from seqtrain.config.schemas.values import Count, Natural, Node, NonNegative, Positive, Share

Precision = Literal[
    "auto", "32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true",
    "transformer-engine", "transformer-engine-float16", "16", "32", "64", "bf16", 16, 32, 64,
]  # fmt: skip


@describes("trainer", "pytorch_lightning.Trainer")
class Trainer:
    max_epochs: Count | Literal["auto"] | None
    min_epochs: Natural | None = OPTIONAL
    max_steps: int = OPTIONAL
    min_steps: Natural | None = OPTIONAL
    max_time: str | dict[str, int] | None = OPTIONAL
    accelerator: str | Node = OPTIONAL
    devices: int | str | list[int] = OPTIONAL
    num_nodes: Count = OPTIONAL
    strategy: str | Node = OPTIONAL
    precision: Precision | None = OPTIONAL
    gradient_clip_val: Positive | None = OPTIONAL
    gradient_clip_algorithm: Literal["norm", "value"] | None = OPTIONAL
    accumulate_grad_batches: Count = OPTIONAL
    deterministic: bool | Literal["warn"] | None = OPTIONAL
    benchmark: bool | None = OPTIONAL
    inference_mode: bool = OPTIONAL
    detect_anomaly: bool = OPTIONAL
    log_every_n_steps: Natural | None = OPTIONAL
    check_val_every_n_epoch: Count | None = OPTIONAL
    val_check_interval: Natural | Share | str | dict[str, int] | None = OPTIONAL
    limit_train_batches: Natural | Share | None = OPTIONAL
    limit_val_batches: Natural | Share | None = OPTIONAL
    limit_test_batches: Natural | Share | None = OPTIONAL
    limit_predict_batches: Natural | Share | None = OPTIONAL
    overfit_batches: Natural | Share = OPTIONAL
    profiler: str | Node | None = OPTIONAL
    plugins: Any = OPTIONAL
    sync_batchnorm: bool = OPTIONAL
    use_distributed_sampler: bool = OPTIONAL
    reload_dataloaders_every_n_epochs: Natural = OPTIONAL
    enable_autolog_hparams: bool = OPTIONAL
    default_root_dir: str | None = OPTIONAL
    model_registry: str | None = OPTIONAL


@describes("callbacks", "pytorch_lightning.callbacks.ModelCheckpoint")
class ModelCheckpoint:
    dirpath: str | None = OPTIONAL
    filename: str | None = OPTIONAL
    monitor: str | None = OPTIONAL
    mode: Literal["min", "max"] = OPTIONAL
    save_top_k: int = OPTIONAL
    save_last: bool | Literal["link"] | None = OPTIONAL
    save_weights_only: bool = OPTIONAL
    save_on_exception: bool = OPTIONAL
    save_on_train_epoch_end: bool | None = OPTIONAL
    every_n_epochs: Natural | None = OPTIONAL
    every_n_train_steps: Natural | None = OPTIONAL
    train_time_interval: Node | None = OPTIONAL
    auto_insert_metric_name: bool = OPTIONAL
    enable_version_counter: bool = OPTIONAL
    verbose: bool = OPTIONAL


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
    verbose: bool = OPTIONAL
    log_rank_zero_only: bool = OPTIONAL


@describes("callbacks", "pytorch_lightning.callbacks.LearningRateMonitor")
class LearningRateMonitor:
    logging_interval: Literal["step", "epoch"] | None = OPTIONAL
    log_momentum: bool = OPTIONAL
    log_weight_decay: bool = OPTIONAL


class FolderLogger:
    save_dir: str
    name: str | None = OPTIONAL
    version: int | str | None = OPTIONAL
    prefix: str = OPTIONAL


@describes("logger", "pytorch_lightning.loggers.CSVLogger")
class CSVLogger(FolderLogger):
    flush_logs_every_n_steps: Count = OPTIONAL


@describes("logger", "pytorch_lightning.loggers.TensorBoardLogger")
class TensorBoardLogger(FolderLogger):
    sub_dir: str | None = OPTIONAL
    default_hp_metric: bool = OPTIONAL
    log_graph: bool = OPTIONAL
    max_queue: Count = OPTIONAL
    flush_secs: Count = OPTIONAL
    filename_suffix: str = OPTIONAL

"""Training: one configuration to one run folder."""

from __future__ import annotations

import logging
from pathlib import Path

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig

from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.runs.folder import RunFolder
from seqtrain.runs.logs import logged, quiet_lightning
from seqtrain.telemetry.sink import sink_of
from seqtrain.training import summary
from seqtrain.training.build import build_data, build_learner, build_trainer, keep_rows, set_length
from seqtrain.training.callbacks import Throughput
from seqtrain.training.checkpoint import load_weights, read_spec
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.measure import measure

log = logging.getLogger("seqtrain")


def train(cfg: DictConfig, folder: RunFolder) -> dict[str, float]:
    """Train, choose the best checkpoint on the validation part, test it, write the run folder.

    Args:
        cfg: a checked configuration, whose `run_dir` is `folder`.
        folder: new, or holding this configuration's unfinished run, which then goes on; pretrained word
            vectors come from its checkpoint, so that their file is not read again.

    Returns:
        The metrics of metrics.json; nothing in a process that only helps another to train.

    Raises:
        ConfigError: the configuration does not fit the machine, the data or the checkpoint; nothing has been
            written.
        DataError: the data is missing or bad; nothing has been written.
        KeyboardInterrupt: somebody asked the run to stop; `last.ckpt` holds what it did.
    """
    pl.seed_everything(cfg.seed, verbose=False)
    data = build_data(cfg)
    if folder.last_checkpoint.exists():
        data.recall(read_spec(folder.last_checkpoint))
    data.prepare_data()
    data.setup("fit")
    learner = build_learner(cfg, data.spec, data.corpus.vectors)
    checkpoint = _checkpoint(cfg, folder)
    if checkpoint is not None:
        load_weights(learner, checkpoint)  # the trainer would do it, but only after something is written
    quiet_lightning()
    trainer = build_trainer(cfg)
    if cfg.trainer.max_epochs == "auto":
        set_length(trainer, data)
    with folder.held(cfg), logged(folder):
        try:
            if folder.leads:
                folder.write_config(cfg)
                folder.write_environment(summary.environment(trainer))
            keep_rows(trainer)
            summary.log_start(trainer, data, learner, folder)
            _fit(trainer, learner, data, checkpoint)
            if not folder.leads:
                return {}
            costs = _costs(trainer, learner)
            metrics = _measure_best(cfg, trainer, learner, data, folder) | costs
            test = learner.metrics("test")
            if not test.is_empty:  # as with limit_test_batches=0
                folder.write_confusions(test.target_names, test.confusions())
            folder.write_metrics(metrics)
            summary.log_end(metrics, trainer, folder)
        except Exception as error:
            log.exception("The run failed.")
            if folder.leads:
                folder.write_failure(error)
            raise
    return metrics


def _fit(
    trainer: pl.Trainer, learner: SequenceLearner, data: SequenceDataModule, checkpoint: Path | None
) -> None:
    try:
        trainer.fit(learner, data, ckpt_path=checkpoint, weights_only=True)
    except SystemExit:
        # Lightning ends the process on Ctrl-C with the code of a failure; the caller has a better one.
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        # What follows is one process's work: metrics must not wait for the others.
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def _measure_best(
    cfg: DictConfig,
    trainer: pl.Trainer,
    learner: SequenceLearner,
    data: SequenceDataModule,
    folder: RunFolder,
) -> dict[str, float]:
    """The metrics of the best checkpoint; those of the test part go to the run's loggers too.

    Without the callback that keeps the best one, the last weights count.
    """
    if folder.best_checkpoint.exists():
        load_weights(learner, folder.best_checkpoint)
    metrics = measure(cfg, learner, data)
    test = {name: value for name, value in metrics.items() if name.startswith("test/")}
    sink = sink_of(trainer)
    sink.scalars(test, trainer.global_step)
    sink.close()
    return metrics


def _checkpoint(cfg: DictConfig, folder: RunFolder) -> Path | None:
    if folder.last_checkpoint.exists():
        return folder.last_checkpoint
    return None if cfg.checkpoint is None else Path(cfg.checkpoint)


def _costs(trainer: pl.Trainer, learner: SequenceLearner) -> dict[str, float]:
    """The size of the network, and the time and throughput of its training."""
    costs: dict[str, float] = {
        "parameters": learner.network.num_parameters,
        "epochs": trainer.current_epoch,
    }
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    for throughput in callbacks:
        if isinstance(throughput, Throughput):
            costs["seconds"] = round(throughput.seconds, 1)
            per_second = throughput.per_second(trainer.world_size)
            if per_second is not None:
                costs[f"{learner.task.unit}_per_second"] = round(per_second)
    return costs

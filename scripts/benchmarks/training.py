"""The whole trainer against a plain PyTorch loop: seconds per training step.

All have the same network, data, optimizer, schedule and clipping of gradients. The plain loop is what one
would write by hand: a DataLoader over tensors, no logging, no checkpoint, no telemetry. The trainer's time is
that of its epochs from the first batch to the beginning of validation, with its default callbacks and logger,
once without the callbacks of the telemetry and once with them. The three alternate in one process; the
figures are the ratios of the medians.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from benchmarks import cases
from benchmarks.telemetry import OFF
from omegaconf import DictConfig
from torch.utils.data import DataLoader, TensorDataset

from seqtrain.config import compose_config
from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.records import SequenceBatch
from seqtrain.spec import WordInputs
from seqtrain.training.build import build_data, build_learner, build_trainer
from seqtrain.training.network import build_network

CASES = {
    "digits": ["task=digits", "data=digits", "model=lstm", "trainer.max_epochs=8"],
    "ewt": ["task=pos", "data=ud", "model=bilstm", "trainer.max_epochs=1", "trainer.limit_train_batches=80"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    cases.add_arguments(parser, CASES, threads=2, repeats=7)


def run(options: argparse.Namespace) -> None:
    columns = (
        *("plain loop, steps/s", "trainer, steps/s", "with telemetry, steps/s"),
        *("time, trainer to plain", "with telemetry"),
    )
    cases.print_cases(options, columns, _measure, _format_row)


def _format_row(row: dict[str, Any]) -> list[str]:
    plain, trainer, full = row["plain"], row["trainer"], row["telemetry"]
    ratios = [f"{seconds / plain:.3f}" for seconds in (trainer, full)]
    return [*(f"{1 / seconds:.1f}" for seconds in (plain, trainer, full)), *ratios]


def _measure(case: str, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        accelerator = "gpu" if options.device == "cuda" else "cpu"
        overrides = [*CASES[case], f"trainer.accelerator={accelerator}", "trainer.precision=32-true"]
        cfg = compose_config([*overrides, f"run_dir={folder}/telemetry"])
        bare = compose_config([*overrides, *OFF, f"run_dir={folder}/trainer"])
        data = build_data(cfg)
        data.setup()
        sides: dict[str, Callable[[], list[float]]] = {
            "plain": lambda: _plain(cfg, data, torch.device(options.device)),
            "trainer": lambda: _trainer(bare, data),
            "telemetry": lambda: _trainer(cfg, data),
        }
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for repeat in range(options.repeats + 1):
            for side, measure in sides.items():
                steps = measure()
                if repeat:  # the first of each warms up
                    seconds[side] += steps
    return {side: statistics.median(times) for side, times in seconds.items()}


def _plain(cfg: DictConfig, data: SequenceDataModule, device: torch.device) -> list[float]:
    """Seconds per step, one figure an epoch."""
    pl.seed_everything(cfg.seed, verbose=False)
    network = build_network(cfg, data.spec).to(device)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=cfg.optimizer.lr, weight_decay=cfg.optimizer.weight_decay, fused=True
    )
    loader = _plain_loader(cfg, data)
    num_steps = len(list(loader)) * cfg.trainer.max_epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, cfg.optimizer.lr, num_steps, cycle_momentum=False
    )
    network.train()
    epochs = []
    for _ in range(cfg.trainer.max_epochs):
        started, steps = time.perf_counter(), 0
        for batch in loader:
            batch = batch.to(device)
            scores, _ = network(batch)
            loss = network.head.loss_sum(scores, batch.targets, batch.lengths) / _count(batch)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), cfg.trainer.gradient_clip_val)
            optimizer.step()
            schedule.step()
            steps += 1
        if device.type == "cuda":
            torch.cuda.synchronize()
        epochs.append((time.perf_counter() - started) / steps)
    return epochs


class _Batches:
    """Batches of one epoch from a DataLoader, as SequenceBatch."""

    def __init__(self, loader: DataLoader[Any], as_batch: Callable[[Any], SequenceBatch]) -> None:
        self.loader, self.as_batch = loader, as_batch

    def __iter__(self) -> Iterator[SequenceBatch]:
        return map(self.as_batch, self.loader)


def _plain_loader(cfg: DictConfig, data: SequenceDataModule) -> _Batches:
    train = data.corpus.splits["train"]
    if isinstance(data.spec.inputs, WordInputs):
        # Sentences need batches of like length in any loop: the same ones, as indices.
        drawn = data.train_dataloader()._order.batches(0)[: cfg.trainer.limit_train_batches]
        loader: DataLoader[Any] = DataLoader(
            range(len(train.lengths)), batch_sampler=[b.tolist() for b in drawn]
        )
        return _Batches(loader, train.batch)
    every = train.batch(range(len(train.lengths)))
    loader = DataLoader(TensorDataset(every.inputs, every.targets), cfg.data.batch_size, shuffle=True)
    return _Batches(
        loader, lambda pair: SequenceBatch(pair[0], torch.full((len(pair[0]),), pair[0].shape[1]), pair[1])
    )


def _count(batch: SequenceBatch) -> int:
    return int(batch.lengths.sum()) if batch.targets is not None and batch.targets.ndim == 2 else len(batch)


class _Clock(pl.Callback):
    """Seconds per step of each epoch, up to its validation."""

    def __init__(self) -> None:
        self.epochs: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started = time.perf_counter()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize()
        self.epochs.append((time.perf_counter() - self.started) / int(trainer.num_training_batches))


def _trainer(cfg: DictConfig, data: SequenceDataModule) -> list[float]:
    """Seconds per step, one figure an epoch."""
    pl.seed_everything(cfg.seed, verbose=False)
    learner = build_learner(cfg, data.spec)
    trainer, clock = build_trainer(cfg), _Clock()
    trainer.callbacks.append(clock)
    trainer.fit(learner, data)
    return clock.epochs

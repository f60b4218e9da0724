"""Accumulated gradients are those of one large batch, however unequal its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from disturbed_runs import CrashError, Disturbance, assert_same_run, crash
from omegaconf import DictConfig
from pytorch_lightning.callbacks import GradientAccumulationScheduler
from torch import Tensor

from seqtrain.data.batching.loader import FixedLoader
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.runs.folder import RunFolder
from seqtrain.training.build import build_data, build_learner, build_trainer
from seqtrain.training.steps import step_output
from seqtrain.training.train import train

EXACT = ["optimizer=sgd", "optimizer.lr=0.5", "schedule=constant", "encoder.dropout=0"]
EXACT += ["encoder.unknown_rate=0", "head.dropout=0", "logger=none", "trainer.limit_train_batches=1.0"]


class Seen(pl.Callback):
    """What callbacks see: the gradients of each step before clipping, and the loss of each batch."""

    def __init__(self) -> None:
        self.gradients: list[list[Tensor]] = []
        self.sums: list[tuple[float, int]] = []

    def on_before_optimizer_step(self, trainer, learner, optimizer) -> None:
        self.gradients.append([p.grad.clone() for p in learner.parameters() if p.grad is not None])

    def on_train_batch_end(self, trainer, learner, outputs, batch, batch_idx) -> None:
        output = step_output(outputs)
        self.sums.append((float(output.loss_sum), output.num_valid))


class Blanked:
    """A dataset in which some sequences have no target."""

    def __init__(self, dataset: Any, blank: Sequence[int]) -> None:
        self.dataset, self.blank = dataset, torch.tensor(blank, dtype=torch.long)

    def batch(self, indices: Tensor) -> SequenceBatch:
        batch = self.dataset.batch(indices)
        is_blank = torch.isin(indices, self.blank)[:, None]
        return replace(batch, targets=batch.targets.masked_fill(is_blank, IGNORED))


def fit(
    compose,
    batches: list[list[int]],
    *overrides: str,
    head: str = "tags",
    callbacks: Sequence[pl.Callback] = (),
    blank: Sequence[int] = (),
) -> tuple[Seen, list[Tensor]]:
    """Train on given batches of the treebank; sentences of `blank` have no target."""
    cfg = compose(*EXACT, f"head={head}", "trainer.max_epochs=1", *overrides, task="pos")
    data: Any = build_data(cfg)
    data.setup()
    loader = FixedLoader(Blanked(data.corpus.splits["train"], blank), [torch.tensor(b) for b in batches])
    data.train_dataloader = lambda: loader
    pl.seed_everything(0, verbose=False)
    learner, seen = build_learner(cfg, data.spec), Seen()
    Path(cfg.run_dir).mkdir(exist_ok=True)
    build_trainer(cfg, [seen, *callbacks]).fit(learner, data)
    return seen, [parameter.detach() for parameter in learner.parameters()]


def joined(parts: list[list[int]]) -> list[int]:
    return [index for part in parts for index in part]


def unequal(compose) -> list[int]:
    """Sentences of the treebank, the shortest first."""
    data = build_data(compose(task="pos"))
    data.setup()
    order: list[int] = data.corpus.splits["train"].lengths.argsort(stable=True).tolist()
    return order


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("head", ["tags", "crf"])
def test_a_step_over_several_batches_is_that_over_one(compose, head: str, precision: str) -> None:
    """Two words and ninety; the last step of the epoch has two batches instead of three."""
    order = unequal(compose)
    parts = [order[:2], order[-9:], order[2:5], order[5:6], order[-19:-9]]
    whole = [joined(parts[:3]), joined(parts[3:])]
    options = [f"trainer.precision={precision}", "trainer.gradient_clip_val=1.0"]
    ours, weights = fit(compose, parts, *options, "trainer.accumulate_grad_batches=3", head=head)
    theirs, expected = fit(compose, whole, *options, head=head)
    tolerance = {"rtol": 1e-4, "atol": 1e-6} if precision == "32-true" else {"rtol": 0.05, "atol": 0.01}
    assert len(ours.gradients) == len(theirs.gradients) == 2
    torch.testing.assert_close(ours.gradients, theirs.gradients, **tolerance)
    torch.testing.assert_close(weights, expected, **tolerance)
    assert sum(count for _, count in ours.sums) == sum(count for _, count in theirs.sums)
    assert sum(loss for loss, _ in ours.sums[:3]) == pytest.approx(theirs.sums[0][0], rel=1e-2)


def test_batches_without_a_target_count_for_nothing(compose) -> None:
    order = unequal(compose)
    blank, part = order[-3:], order[:6]
    options = ["trainer.accumulate_grad_batches=2", "optimizer.momentum=0"]
    ours, weights = fit(compose, [blank, part, blank, blank], *options, blank=blank)
    theirs, expected = fit(compose, [part], "optimizer.momentum=0")
    torch.testing.assert_close(ours.gradients[0], theirs.gradients[0], rtol=1e-4, atol=1e-6)
    assert not any(gradient.any() for gradient in ours.gradients[1])
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-6)


def test_without_accumulation_nothing_is_touched(compose) -> None:
    order = unequal(compose)
    _, weights = fit(compose, [order[:4], order[-4:]])
    _, again = fit(compose, [order[:4], order[-4:]], "trainer.accumulate_grad_batches=1")
    assert all(torch.equal(a, b) for a, b in zip(weights, again, strict=True))


def test_accumulation_may_change_between_epochs(compose) -> None:
    """Three epochs of the same batches: one by one, in pairs, and all together."""
    order = unequal(compose)
    parts = [order[:2], order[-9:], order[2:5], order[-19:-9]]
    scheduler = GradientAccumulationScheduler({0: 1, 1: 2, 2: 4})
    ours, weights = fit(compose, parts, "trainer.max_epochs=3", "schedule=cosine", callbacks=[scheduler])
    pairs = [joined(parts[:2]), joined(parts[2:])]
    theirs, expected = fit(compose, [*parts, *pairs, joined(parts)], "schedule=cosine")
    assert len(ours.gradients) == 4 + 2 + 1
    torch.testing.assert_close(ours.gradients, theirs.gradients, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scheduled", [False, True])
def test_a_run_that_accumulates_resumes_in_the_middle_of_an_epoch(compose, tmp_path, scheduled: bool) -> None:
    options = ["trainer.max_epochs=3", "trainer.limit_train_batches=6", "callbacks.last.every_minutes=1e-9"]
    options += [] if scheduled else ["trainer.accumulate_grad_batches=2"]

    def train_on(folder: str, *more: pl.Callback) -> DictConfig:
        cfg = compose(*options, f"run_dir={tmp_path}/{folder}")
        scheduler = [GradientAccumulationScheduler({0: 1, 1: 2, 2: 3})] if scheduled else []
        train(cfg, RunFolder(cfg.run_dir), callbacks=[*scheduler, *more])
        return cfg

    with pytest.raises(CrashError):
        train_on("parts", Disturbance(6 + 4, crash))  # two optimizer steps after the second epoch has begun
    assert_same_run(train_on("whole"), train_on("parts"))

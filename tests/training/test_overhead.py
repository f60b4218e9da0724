from __future__ import annotations

from typing import Any

import pytest
import pytorch_lightning as pl

from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.training.build import build_data, build_learner, build_trainer
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.overhead import STEP_HOOKS, NoProfiler, skip_unused_hooks


class Counter(pl.Callback):
    def __init__(self) -> None:
        self.batches = 0

    def on_train_batch_end(self, *_: Any) -> None:
        self.batches += 1


def test_only_hooks_that_are_not_defined_are_skipped() -> None:
    counter = Counter()
    skip_unused_hooks(counter)
    assert [hook for hook in STEP_HOOKS if callable(getattr(counter, hook))] == ["on_train_batch_end"]
    assert callable(counter.on_train_epoch_end)


@pytest.mark.parametrize("hook", STEP_HOOKS)
def test_a_hook_set_on_an_instance_is_called(hook: str, compose) -> None:
    """As LambdaCallback sets them; a hook of the learner may be replaced likewise."""
    calls: list[str] = []
    callback = pl.callbacks.LambdaCallback(**{hook: lambda *_: calls.append("callback")})
    learner, data, trainer = make(compose, callback)
    setattr(learner, hook, lambda *_: calls.append("learner"))
    skip_unused_hooks(learner)
    trainer.fit(learner, data)
    assert calls == ["callback", "learner"] * 12


def test_every_hook_that_is_skipped_exists_in_lightning() -> None:
    assert all(hasattr(owner, hook) for hook in STEP_HOOKS for owner in (pl.Callback, pl.LightningModule))


def make(compose, callback: pl.Callback) -> tuple[SequenceLearner, SequenceDataModule, pl.Trainer]:
    cfg = compose("logger=none")
    data = build_data(cfg)
    data.setup()
    return build_learner(cfg, data.spec), data, build_trainer(cfg, [callback])


def test_the_hooks_that_are_left_are_called(compose) -> None:
    counter = Counter()
    learner, data, trainer = make(compose, counter)
    trainer.fit(learner, data)
    assert counter.batches == 12
    assert learner.on_before_backward is None


def test_every_action_has_the_same_context() -> None:
    profiler = NoProfiler()
    with profiler.profile("one") as context, profiler.profile("two"):
        assert context is None
    assert profiler.profile("one") is profiler.profile("two")

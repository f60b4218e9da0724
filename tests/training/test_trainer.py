from __future__ import annotations

import csv
import signal
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
from disturbed_runs import STEPS, raise_signal, run
from pytorch_lightning.loggers import CSVLogger

from seqtrain.config import ConfigError, compose_config
from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.training import trainer as module
from seqtrain.training.build import build_data, build_learner, build_trainer
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.steps import STEP_HOOKS, skip_unused_hooks
from seqtrain.training.trainer import NoProfiler, build_loggers, check_devices, check_limits, keep_rows

DEFAULTS = {f"limit_{split}_batches": 1.0 for split in ("train", "val", "test")}
DEFAULTS |= {"overfit_batches": 0.0, "val_check_interval": 1.0, "check_val_every_n_epoch": 1, "world_size": 1}
DEFAULTS |= {"callbacks": [], "max_epochs": 3, "max_steps": -1, "accumulate_grad_batches": 1}
COUNTS = {"train": 20, "val": 10, "test": 5}


def problems_of(schedule: dict[str, object], **settings: object) -> tuple[str, ...]:
    trainer: Any = SimpleNamespace(**(DEFAULTS | settings))
    loaders = {f"{split}_dataloader": lambda num=num: [None] * num for split, num in COUNTS.items()}
    data: Any = SimpleNamespace(**loaders)
    try:
        check_limits(trainer, data, schedule)
    except ConfigError as error:
        return error.problems
    return ()


LESS = "batches is less than one; give a number of batches"


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        ({"limit_train_batches": 0.05, "limit_val_batches": 0.1, "limit_test_batches": 0.2}, ()),
        (
            {"limit_train_batches": 0.04, "limit_test_batches": 0.1},
            (f"limit_train_batches: 0.04 of 20 {LESS}", f"limit_test_batches: 0.1 of 5 {LESS}"),
        ),
        ({"limit_val_batches": 0.1, "world_size": 2}, (f"limit_val_batches: 0.1 of 5 {LESS}",)),
        (
            {"overfit_batches": 0.01, "limit_train_batches": 0.01, "limit_val_batches": 0.01},
            (f"overfit_batches: 0.01 of 20 {LESS}", f"overfit_batches: 0.01 of 10 {LESS}"),
        ),
        (
            {"val_check_interval": 11, "limit_train_batches": 10},
            (
                "val_check_interval: got 11, but an epoch has 10 batches; at most 10, or "
                "trainer.check_val_every_n_epoch=null to count across epochs",
            ),
        ),
        ({"val_check_interval": 21, "check_val_every_n_epoch": None}, ()),
    ],
)
def test_limits(settings: dict[str, object], problems: tuple[str, ...]) -> None:
    assert problems_of({}, **settings) == tuple(f"trainer.{problem}" for problem in problems)


def one_cycle(total_steps: int | None) -> dict[str, object]:
    return {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "total_steps": total_steps}


@pytest.mark.parametrize(
    ("settings", "num_steps"),
    [
        ({}, 60),
        ({"max_epochs": -1, "max_steps": 50}, 50),
        ({"max_steps": 50}, 50),
        ({"max_epochs": 5, "accumulate_grad_batches": 3, "limit_train_batches": 10}, 20),
        ({"world_size": 2}, 30),
    ],
)
def test_a_schedule_that_ends_before_the_training(settings: dict[str, object], num_steps: int) -> None:
    assert problems_of(one_cycle(num_steps - 1), **settings) == (
        f"schedule.total_steps: got {num_steps - 1}, but the training has {num_steps} optimizer steps; at "
        f"least {num_steps}, or null for the length of the training",
    )
    assert problems_of(one_cycle(num_steps), **settings) == problems_of(one_cycle(None), **settings) == ()
    assert problems_of(one_cycle(1), max_epochs=-1) == ()  # nobody knows the end


@pytest.mark.parametrize(("device", "is_refused"), [("cpu", True), ("cuda", False)])
def test_a_core_for_each_process(monkeypatch: pytest.MonkeyPatch, device: str, is_refused: bool) -> None:
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    strategy = SimpleNamespace(root_device=SimpleNamespace(type=device))
    three: Any = SimpleNamespace(strategy=strategy, num_devices=3)
    message = "trainer.devices: got 3, but this machine has 2 CPU cores, one for each process"
    with pytest.raises(ConfigError, match=message) if is_refused else nullcontext():
        check_devices(three)


def log_one(folder: Path, value: float, keep: bool) -> str:
    """The table after a new logger has added one row."""
    logger = CSVLogger(folder, name="", version="")
    if keep:
        keep_rows(SimpleNamespace(loggers=[logger]))  # type: ignore[arg-type]
    logger.log_metrics({"loss": value}, step=int(value))
    logger.save()
    return (folder / "metrics.csv").read_text()


@pytest.mark.filterwarnings("ignore:Experiment logs directory")
def test_a_resumed_run_keeps_the_rows_before_it(tmp_path: Path) -> None:
    assert log_one(tmp_path, 1.0, keep=True) == "loss,step\n1.0,1\n"
    assert log_one(tmp_path, 2.0, keep=True) == "loss,step\n1.0,1\n2.0,2\n"


def test_two_loggers_at_once(tmp_path: Path) -> None:
    cfg = compose_config(["logger=[tensorboard,csv]", f"run_dir={tmp_path}"])
    assert [type(each).__name__ for each in build_loggers(cfg.logger)] == ["TensorBoard", "CSVLogger"]


def test_a_logger_whose_package_is_not_installed() -> None:
    cfg = compose_config(["logger={mine: {_target_: pytorch_lightning.loggers.CometLogger}}"])
    with pytest.raises(ConfigError) as caught:
        build_loggers(cfg.logger)
    message = "logger.mine: CometLogger needs a package that is not installed: "
    assert caught.value.problems[0].startswith(message)


def test_a_csv_goes_on_after_an_interruption(compose, disturbed) -> None:
    cfg = compose("logger=csv")
    with pytest.raises(KeyboardInterrupt):
        disturbed(cfg, STEPS + 4, raise_signal(signal.SIGINT))
    run(cfg)
    with (Path(cfg.run_dir) / "metrics.csv").open(newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert steps == [2, 4, 6, 8, 10, 12]


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
    Path(cfg.run_dir).mkdir(exist_ok=True)
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

from types import SimpleNamespace

import pytest

from seqtrain.config import ConfigError
from seqtrain.training import trainer as module
from seqtrain.training.trainer import check_devices, check_limits


def trainer(**settings: object) -> SimpleNamespace:
    defaults = {f"limit_{part}_batches": 1.0 for part in ("train", "val", "test")}
    others = {
        "overfit_batches": 0.0,
        "val_check_interval": 1.0,
        "check_val_every_n_epoch": 1,
        "world_size": 1,
        "callbacks": [],
        "max_epochs": 3,
        "max_steps": -1,
        "accumulate_grad_batches": 1,
    }
    return SimpleNamespace(**(defaults | others | settings))


def data(train: int = 20, val: int = 10, test: int = 5) -> SimpleNamespace:
    return SimpleNamespace(
        train_dataloader=lambda: [None] * train,
        val_dataloader=lambda: [None] * val,
        test_dataloader=lambda: [None] * test,
    )


def problems_of(**settings: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        check_limits(trainer(**settings), data(), {})  # type: ignore[arg-type]
    return caught.value.problems


def test_one_batch_of_each_is_enough() -> None:
    settings = {"limit_train_batches": 0.05, "limit_val_batches": 0.1, "limit_test_batches": 0.2}
    check_limits(trainer(**settings), data(), {})  # type: ignore[arg-type]


def test_less_than_a_batch() -> None:
    assert problems_of(limit_train_batches=0.04, limit_test_batches=0.1) == (
        "trainer.limit_train_batches: 0.04 of 20 batches is less than one; give a number of batches",
        "trainer.limit_test_batches: 0.1 of 5 batches is less than one; give a number of batches",
    )


def test_processes_share_the_batches() -> None:
    assert problems_of(limit_val_batches=0.1, world_size=2) == (
        "trainer.limit_val_batches: 0.1 of 5 batches is less than one; give a number of batches",
    )


def test_less_than_a_batch_to_overfit() -> None:
    settings = {"overfit_batches": 0.01, "limit_train_batches": 0.01, "limit_val_batches": 0.01}
    assert problems_of(**settings)[:2] == (
        "trainer.overfit_batches: 0.01 of 20 batches is less than one; give a number of batches",
        "trainer.overfit_batches: 0.01 of 10 batches is less than one; give a number of batches",
    )


def test_validation_that_is_never_reached() -> None:
    assert problems_of(val_check_interval=11, limit_train_batches=10) == (
        "trainer.val_check_interval: got 11, but an epoch has 10 batches; at most 10, or "
        "trainer.check_val_every_n_epoch=null to count across epochs",
    )


def test_validation_counted_across_epochs() -> None:
    settings = {"val_check_interval": 21, "check_val_every_n_epoch": None}
    check_limits(trainer(**settings), data(), {})  # type: ignore[arg-type]


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
    with pytest.raises(ConfigError) as caught:
        check_limits(trainer(**settings), data(), one_cycle(num_steps - 1))  # type: ignore[arg-type]
    assert caught.value.problems == (
        f"schedule.total_steps: got {num_steps - 1}, but the training has {num_steps} optimizer steps; at "
        f"least {num_steps}, or null for the length of the training",
    )
    for length in (num_steps, None):
        check_limits(trainer(**settings), data(), one_cycle(length))  # type: ignore[arg-type]


def test_a_training_whose_end_is_unknown_has_any_schedule() -> None:
    check_limits(trainer(max_epochs=-1), data(), one_cycle(1))  # type: ignore[arg-type]


@pytest.mark.parametrize(("device", "is_refused"), [("cpu", True), ("cuda", False)])
def test_a_core_for_each_process(monkeypatch: pytest.MonkeyPatch, device: str, is_refused: bool) -> None:
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    strategy = SimpleNamespace(root_device=SimpleNamespace(type=device))
    three = SimpleNamespace(strategy=strategy, num_devices=3)
    if not is_refused:
        check_devices(three)  # type: ignore[arg-type]
        return
    with pytest.raises(ConfigError) as caught:
        check_devices(three)  # type: ignore[arg-type]
    assert caught.value.problems == (
        "trainer.devices: got 3, but this machine has 2 CPU cores, one for each process",
    )

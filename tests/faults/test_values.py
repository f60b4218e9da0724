"""Values that cannot work are refused in one line, before anything is imported or written."""

from __future__ import annotations

import pytest

from seqtrain.config import ConfigError, compose_config


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ("model.hidden_size=1000000", "model: its weights and their gradients need at least 32,"),
        ("model.num_layers=100000", "model.num_layers: got 100,000, expected at most 1,000"),
        ("members=100000", "members: got 100,000, expected at most 1,000"),
        ("seed=4294967296", "seed: got 4294967296, expected a whole number from 0 to 4294967295"),
        ("trainer.max_steps=0", "trainer.max_steps: got 0, expected -1 or a whole number of at least 1"),
        ("trainer.log_every_n_steps=0", "trainer.log_every_n_steps: got 0, expected a whole number"),
        ("trainer.limit_val_batches=0", "trainer.limit_val_batches: got 0, expected a whole number"),
        ("trainer.limit_train_batches=0", "trainer.limit_train_batches: got 0, expected a whole number"),
        ("trainer.num_nodes=2", "trainer.num_nodes: got 2, but neither SLURM nor torchrun started this"),
        ("trainer.precision=64-true", "trainer.precision: got '64-true', expected one of auto, 32-true"),
        ("trainer.accelerator=gpuu", "trainer.accelerator: got 'gpuu', expected one of auto, cpu, gpu"),
        ("trainer.devices=0", "trainer.devices: got 0, expected "),
        (
            "trainer.max_epochs=3 trainer.check_val_every_n_epoch=5",
            "trainer.check_val_every_n_epoch: got 5, but training ends after 3 epochs",
        ),
        (
            "optimizer.betas=[1,1]",
            "optimizer.betas: got [1, 1], expected a list of 2: a number of at least 0",
        ),
        ("schedule.pct_start=1", "schedule.pct_start: got 1, expected a number of at least 0 and below 1"),
        ("task.monitor=val/acc", "task.monitor: got 'val/acc', expected one of val/loss, val/accuracy"),
        ("task.monitor=val/loss", "task.mode: got max, but a lower val/loss is better; give task.mode=min"),
        (
            "initialization.forget_bias=1e300",
            "initialization.forget_bias: got 1e+300, expected a number from",
        ),
        ("data_dir=http://host/x", "data_dir: got 'http://host/x', expected a text of a local path"),
        ("~head", "head: missing; choose one with head=..."),
        ("~encoder", "encoder: missing; choose one with encoder=..."),
        ("~schedule", "schedule: missing; choose one with schedule=..."),
        ("~initialization", "initialization: missing; choose one with initialization=..."),
        ("~trainer", "trainer._target_: missing; it names the class to build; choose one with trainer=..."),
        ("search=optuna", "search: needs -m: a search starts one run for each trial"),
        ("trainer.strategy=xyz", "trainer.strategy: got 'xyz', expected one of auto, single_device, ddp"),
        ("trainer.max_time=nonsense", "trainer.max_time: got 'nonsense', expected a text of the form DD:"),
        ("trainer.max_time={days:x}", "trainer.max_time: got {'days': 'x'}, expected a text of the form DD:"),
        ("trainer.max_time={eons:1}", "trainer.max_time: got {'eons': 1}, expected a text of the form DD:"),
        ("trainer.val_check_interval=x", "trainer.val_check_interval: got 'x', expected a whole number of"),
        (
            "trainer.profiler=xyz",
            "trainer.profiler: got 'xyz', expected one of simple, advanced, pytorch, xla",
        ),
        ("optimizer.lr=1e300", "optimizer.lr: got 1e+300, expected a number above 0 and at most 1000"),
        ("schedule.max_lr=1e300", "schedule.max_lr: got 1e+300, expected a number above 0 and at most 1000"),
        ("seed=${seed}", "seed: ${seed} cannot be resolved: Recursive interpolation detected"),
    ],
)
def test_a_refusal(overrides: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose_config(overrides.split())
    (told,) = caught.value.problems
    assert told.startswith(problem)


@pytest.mark.parametrize(
    ("overrides", "problems"),
    [
        (
            ["~task"],
            [
                "callbacks.best.monitor: ${task.monitor} names a key that does not exist",
                "callbacks.best.mode: ${task.mode} names a key that does not exist",
                "task: missing; choose one with task=...",
            ],
        ),
        (
            ["~optimizer"],
            [
                "schedule.max_lr: ${optimizer.lr} names a key that does not exist",
                "optimizer: missing; choose one with optimizer=...",
            ],
        ),
        (
            ["~data"],
            [
                "data: missing; choose one with data=...",
                "trainer.max_epochs: missing; pytorch_lightning.Trainer needs a whole number of at least 1 "
                "or auto or null",
            ],
        ),
        (
            ["seed=${members}", "members=${model.num_layers}", "model.num_layers=${seed}"],
            [
                "seed: ${members} cannot be resolved: Recursive interpolation detected",
                "members: ${model.num_layers} cannot be resolved: Recursive interpolation detected",
                "model.num_layers: ${seed} cannot be resolved: Recursive interpolation detected",
            ],
        ),
    ],
)
def test_refusals_for_several_reasons(overrides: list[str], problems: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        compose_config(overrides)
    assert sorted(caught.value.problems) == sorted(problems)


@pytest.mark.parametrize("given", ["00:00:10:00", "{minutes: 10}"])
def test_a_training_limited_in_time(given: str) -> None:
    from seqtrain.training.build import build_trainer

    trainer = build_trainer(compose_config([f"trainer.max_time={given}"]))
    (timer,) = [each for each in trainer.callbacks if type(each).__name__ == "Timer"]
    assert timer.time_remaining() == 600


def test_a_batch_larger_than_the_data_is_all_of_the_data() -> None:
    from seqtrain.training.build import build_data

    data = build_data(compose_config(["data.batch_size=1000000000000"]))
    data.setup("fit")
    assert [len(batch.targets) for batch in data.train_dataloader()] == [1257]


def test_whole_numbers_where_torch_wants_floats() -> None:
    cfg = compose_config(["optimizer.betas=[0,0]", "schedule.pct_start=0"])
    assert [type(value) for value in (*cfg.optimizer.betas, cfg.schedule.pct_start)] == [float] * 3


@pytest.mark.parametrize("overrides", [["~logger"], ["~callbacks"], ["logger=none"]])
def test_groups_that_may_be_left_out(overrides: list[str]) -> None:
    from seqtrain.training.build import build_trainer

    cfg = compose_config(overrides)
    assert build_trainer(cfg).loggers == [] or "~callbacks" in overrides

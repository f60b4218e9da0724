from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from disturbed_runs import run, trained
from event_files import read_scalars, read_texts
from pytorch_lightning.callbacks import EarlyStopping
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from seqtrain.training.callbacks.checkpoints import BestCheckpoint
from seqtrain.training.summary import (
    COLUMNS,
    _describe_few,
    describe_end,
    describe_metrics,
    final_metrics,
    read_hyperparameters,
)


def trainer(*callbacks: Any, epochs: int, max_epochs: int | None = 60) -> Any:
    lengths = {"current_epoch": epochs, "max_epochs": max_epochs, "global_step": 1234}
    return SimpleNamespace(callbacks=callbacks, check_val_every_n_epoch=1, **lengths)


def best(epoch: int, score: float, first_epoch: int | None = None) -> BestCheckpoint:
    checkpoint = BestCheckpoint("best.ckpt", "val/accuracy", "max")
    checkpoint.epoch, checkpoint.score, checkpoint.first_epoch = epoch, score, first_epoch or epoch
    return checkpoint


def stopped(after: int, waited: int) -> EarlyStopping:
    callback = EarlyStopping("val/accuracy", mode="max", patience=10)
    callback.stopped_epoch, callback.wait_count = after - 1, waited
    return callback


STOPPED = "ended in epoch 8 after 1,234 steps, as trainer.* asks for; the last weights are kept"


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (
            trainer(best(32, 0.98765), stopped(after=42, waited=10), epochs=42),
            "stopped early after epoch 42: no better val/accuracy since epoch 32; "
            "the best weights are those of epoch 32, val/accuracy 0.9877",
        ),
        (
            trainer(best(7, 0.991), stopped(after=7, waited=3), epochs=7),
            "stopped early after epoch 7: val/accuracy has reached its threshold; "
            "the best weights are those of epoch 7, val/accuracy 0.9910",
        ),
        (
            trainer(best(58, 0.99), EarlyStopping("val/accuracy"), epochs=60),
            "trained to the end, 60 epochs; the best weights are those of epoch 58, val/accuracy 0.9900",
        ),
        (
            trainer(best(58, 0.99, first_epoch=40), epochs=60),
            "trained to the end, 60 epochs; the best weights are those of epoch 58, val/accuracy 0.9900, "
            "as in epoch 40: of equal ones those trained longer are kept",
        ),
        (
            trainer(best(15, 0.9), epochs=125, max_epochs=125),
            "trained to the end, 125 epochs; the best weights are those of epoch 15, val/accuracy 0.9000; "
            "what came after epoch 15 gained nothing, so trainer.max_epochs=30 may do as well",
        ),
        (trainer(epochs=1, max_epochs=1), "trained to the end, 1 epoch; the last weights are kept"),
        (trainer(epochs=7), STOPPED),
        (trainer(epochs=7, max_epochs=-1), STOPPED),
    ],
)
def test_the_end_of_a_training_in_a_sentence(ended: Any, sentence: str) -> None:
    assert describe_end(ended) == sentence


WATCHING = ("hidden_states", "weights", "recurrence", "warnings", "predictions")
OFF = [f"callbacks.{name}=null" for name in WATCHING]


def hyperparameters(folder: Path) -> list[str]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return sorted(events.summary_metadata)


def test_a_run_has_a_page_and_a_row(compose) -> None:
    cfg = compose(*OFF, task="pos")
    metrics = run(cfg)
    texts = read_texts(Path(cfg.run_dir))
    start, end = texts["run/configuration"][0], texts["run/results"][12]
    assert "## Data\n\ntrain 96 sentences" in start
    assert "  hidden_size: 12\n" in start
    assert "| precision | 32-true |" in start
    assert f"| accuracy | {metrics['val/accuracy']:.4f} | {metrics['test/accuracy']:.4f} |" in end
    assert f"| NOUN | {metrics['val/f1/NOUN']:.4f} | {metrics['test/f1/NOUN']:.4f} |" in end
    tags = hyperparameters(Path(cfg.run_dir))
    assert "_hparams_/session_start_info" in tags
    scalars = read_scalars(Path(cfg.run_dir))
    assert scalars["final/val/accuracy"] == {12: pytest.approx(metrics["val/accuracy"], rel=1e-6)}
    assert not [tag for tag in scalars if "/f1/" in tag]


def test_each_part_can_be_switched_off(compose) -> None:
    cfg = compose(*OFF, "callbacks.run_page.text=false", "callbacks.run_page.hparams=false")
    folder = trained(cfg).path
    assert read_texts(folder) == {}
    assert not [tag for tag in hyperparameters(folder) if "hparams" in tag]


def test_metrics_that_only_one_split_has() -> None:
    page = describe_metrics(
        {"val/loss": 0.5, "test/loss": 0.25, "test/accuracy_unseen": 0.75, "epochs": 1000}
    )
    assert page == (
        "## Metrics\n\n| | val | test |\n| --- | --- | --- |\n| loss | 0.5000 | 0.2500 |\n"
        "| accuracy\\_unseen |  | 0.7500 |\n\n## Costs\n\n| | |\n| --- | --- |\n| epochs | 1,000 |"
    )


def test_the_name_of_a_class_stays_in_its_cell() -> None:
    page = describe_metrics({"val/f1/Case=Nom|Number=Sing": 0.5, "test/f1/Case=Nom|Number=Sing": 0.25})
    assert "| Case=Nom\\|Number=Sing | 0.5000 | 0.2500 |" in page


CONFIGURATION = {
    "data": {"_target_": "seqtrain.data.Digits", "batch_size": 32},
    "model": {"_target_": "seqtrain.model.BiLSTM", "hidden_size": 64, "cell": "gru", "bidirectional": True},
    "optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.003},
    "initialization": {"forget_bias": None},
    "seed": 1,
}


def test_every_run_has_all_columns_in_one_order() -> None:
    columns = read_hyperparameters(CONFIGURATION)
    assert len(columns) == len(read_hyperparameters({})) == len(COLUMNS)
    assert list(columns) == sorted(columns)


def test_values_and_names_of_classes() -> None:
    expected = {"01 data": "Digits", "02 model": "BiLSTM (gru)", "03 seed": "1", "04 model.hidden_size": 64}
    expected |= {"05 optimizer.lr": 0.003, "07 model.bidirectional": "true"}
    expected |= {"13 initialization.forget_bias": ""}
    assert expected.items() <= read_hyperparameters(CONFIGURATION).items()


def test_metrics_are_those_of_the_chosen_checkpoint() -> None:
    metrics = {"val/accuracy": 0.9, "test/accuracy": 0.8, "test/f1/NOUN": 0.7, "seconds": 3.0}
    assert final_metrics(metrics) == {"test/accuracy": 0.8, "final/val/accuracy": 0.9}


@pytest.mark.parametrize(("number", "is_told"), [(3, True), (49, True), (50, False)])
def test_very_few_sequences_are_told(number: int, is_told: bool) -> None:
    inputs = SimpleNamespace(sequences="sentences")
    corpus: Any = SimpleNamespace(
        splits={"train": SimpleNamespace(lengths=[4] * number)}, spec=SimpleNamespace(inputs=inputs)
    )
    told = [f"{number} sentences to train on are so few that they are learned by heart: answers on others"]
    assert [each[: len(told[0])] for each in _describe_few(corpus)] == told * is_told

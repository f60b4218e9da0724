from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning.callbacks import EarlyStopping

from seqtrain.training.callbacks.checkpoints import BestCheckpoint
from seqtrain.training.summary import describe_end


def trainer(*callbacks: Any, epochs: int, max_epochs: int | None = 60) -> Any:
    return SimpleNamespace(
        callbacks=callbacks,
        current_epoch=epochs,
        max_epochs=max_epochs,
        global_step=1234,
        check_val_every_n_epoch=1,
    )


def best(epoch: int, score: float) -> BestCheckpoint:
    checkpoint = BestCheckpoint("best.ckpt", "val/accuracy", "max")
    checkpoint.epoch, checkpoint.score = epoch, score
    return checkpoint


def stopped(after: int, waited: int) -> EarlyStopping:
    callback = EarlyStopping("val/accuracy", mode="max", patience=waited)
    callback.stopped_epoch, callback.wait_count = after - 1, waited
    return callback


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (
            trainer(best(32, 0.98765), stopped(after=42, waited=10), epochs=42),
            "stopped early after epoch 42: no better val/accuracy since epoch 32; "
            "the best weights are those of epoch 32, val/accuracy 0.9877",
        ),
        (
            trainer(best(58, 0.99), EarlyStopping("val/accuracy"), epochs=60),
            "trained to the end, 60 epochs; the best weights are those of epoch 58, val/accuracy 0.9900",
        ),
        (trainer(epochs=1, max_epochs=1), "trained to the end, 1 epoch; the last weights are kept"),
        (
            trainer(epochs=7),
            "ended in epoch 8 after 1,234 steps, as trainer.* asks for; the last weights are kept",
        ),
        (
            trainer(epochs=7, max_epochs=-1),
            "ended in epoch 8 after 1,234 steps, as trainer.* asks for; the last weights are kept",
        ),
    ],
)
def test_the_end_of_a_training_in_a_sentence(ended: Any, sentence: str) -> None:
    assert describe_end(ended) == sentence

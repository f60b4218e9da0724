from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from seqtrain.training.callbacks.epoch_report import EpochReport


def validate(answer: bool, **metrics: float) -> tuple[list[tuple[int, float]], Any]:
    """What is reported after a validation, and the trainer then."""
    reported: list[tuple[int, float]] = []

    def report(epoch: int, value: float) -> bool:
        reported.append((epoch, value))
        return answer

    tensors = {name.replace("_", "/"): torch.tensor(value) for name, value in metrics.items()}
    trainer: Any = SimpleNamespace(callback_metrics=tensors, current_epoch=4, should_stop=False)
    EpochReport("val/accuracy", report).on_validation_end(trainer, None)  # type: ignore[arg-type]
    return reported, trainer


@pytest.mark.parametrize("answer", [True, False])
def test_the_answer_decides_whether_training_ends(answer: bool) -> None:
    reported, trainer = validate(answer, val_accuracy=0.5, val_loss=2.0)
    assert reported == [(4, 0.5)]
    assert trainer.should_stop is answer


def test_without_the_metric_nothing_is_reported() -> None:
    reported, trainer = validate(True, val_loss=2.0)
    assert reported == []
    assert not trainer.should_stop

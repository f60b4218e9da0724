from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from seqtrain.records import FinalState, StepOutput
from seqtrain.training.steps import FIRST_COST, Pace, is_due, step_output

OUTPUT = StepOutput(torch.tensor(3.0), 2, (FinalState(torch.zeros(1, 2, 4)),), num_directions=1)


def test_the_record_is_found_in_what_training_and_validation_return() -> None:
    assert step_output({"loss": torch.tensor(1.5), "output": OUTPUT}) is OUTPUT
    assert step_output(OUTPUT) is OUTPUT


@pytest.mark.parametrize(
    ("last_step", "step", "epoch", "expected"),
    [(None, 5, 0, True), (10, 59, 1, False), (10, 60, 1, True), (10, 11, 3, True)],
)
def test_the_first_the_last_and_every_so_many_steps_are_due(
    last_step: int | None, step: int, epoch: int, expected: bool
) -> None:
    trainer: Any = SimpleNamespace(global_step=step, current_epoch=epoch, max_epochs=4)
    assert is_due(trainer, last_step, every_n_steps=50) is expected


def test_a_training_without_an_end_has_no_last_epoch() -> None:
    trainer: Any = SimpleNamespace(global_step=11, current_epoch=3, max_epochs=None)
    assert not is_due(trainer, 10, every_n_steps=50)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("seqtrain.training.steps.time.monotonic", lambda: now[0])
    return now


def test_nothing_is_due_before_it_can_be_paid_for(clock: list[float]) -> None:
    pace = Pace(share=0.01)
    clock[0] = 99 * FIRST_COST
    assert not pace.is_due(10)
    clock[0] = 101 * FIRST_COST
    assert pace.is_due(10)


def test_steps_have_to_double(clock: list[float]) -> None:
    pace = Pace()
    with pace.drawing(100):
        pass
    clock[0] = 1e6
    assert not pace.is_due(199)
    assert pace.is_due(200)


def test_time_spent_counts(clock: list[float]) -> None:
    pace = Pace(share=0.01)
    clock[0] = 1000.0
    with pace.drawing(1):
        clock[0] += 8.0
    clock[0] = 1500.0
    assert not pace.is_due(100)  # 8 spent and 8 more are above 1 %
    clock[0] = 1601.0
    assert pace.is_due(100)


def test_a_resumed_training_remembers_the_last_figures(clock: list[float]) -> None:
    before, after = Pace(), Pace()
    with before.drawing(100):
        pass
    after.load_state_dict(before.state_dict())
    clock[0] = 1e6
    assert not after.is_due(150)

from __future__ import annotations

from typing import Any

import pytest
import torch

from seqtrain.records import StepOutput
from seqtrain.training.callbacks import throughput
from seqtrain.training.callbacks.throughput import EvaluationThroughput, Throughput


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time, which the test sets."""
    now = [100.0]
    monkeypatch.setattr(throughput.time, "monotonic", lambda: now[0])
    return now


def step(measured: Throughput, num_valid: int) -> None:
    nothing: Any = None
    output = StepOutput(torch.tensor(0.0), num_valid, (), 1)
    measured.on_train_batch_end(nothing, nothing, {"loss": nothing, "output": output}, nothing, 0)


def start(measured: Throughput) -> None:
    nothing: Any = None
    measured.on_train_start(nothing, nothing)


def test_positions_are_divided_by_the_time_of_the_training(clock) -> None:
    measured, nothing = Throughput(), None
    assert measured.seconds == 0
    assert measured.per_second(1) is None
    start(measured)
    step(measured, 30)
    clock[0] += 4
    measured.on_train_end(nothing, nothing)
    clock[0] += 50  # the final test is not part of it
    assert measured.seconds == 4
    assert measured.per_second(1) == 7.5
    assert measured.per_second(2) == 15.0


def test_a_resumed_training_adds_to_what_its_checkpoint_has(clock) -> None:
    first, second = Throughput(), Throughput()
    start(first)
    step(first, 30)
    clock[0] += 4
    second.load_state_dict(first.state_dict())
    clock[0] += 50  # between the two attempts
    start(second)
    step(second, 30)
    clock[0] += 2
    assert second.seconds == 6
    assert second.per_second(1) == 10.0


def test_positions_that_were_never_counted_give_no_throughput() -> None:
    measured = Throughput()
    measured.load_state_dict({"seconds": 3.0, "num_trained": None})
    step(measured, 30)
    assert measured.seconds == 3.0
    assert measured.per_second(1) is None


def test_an_evaluation_counts_its_valid_positions_only(clock) -> None:
    measured, nothing = EvaluationThroughput(), None
    assert measured.per_second is None
    for num_valid in (30, 10):  # a second pass starts anew
        measured.on_test_start(nothing, nothing)
        clock[0] += 4
        measured.on_test_batch_end(
            nothing, nothing, StepOutput(torch.tensor(0.0), num_valid, (), 1), nothing, 0
        )
        measured.on_test_end(nothing, nothing)
        assert measured.per_second == num_valid / 4
        clock[0] += 50


def test_an_evaluation_of_nothing_has_no_throughput(clock) -> None:
    measured, nothing = EvaluationThroughput(), None
    measured.on_test_start(nothing, nothing)
    clock[0] += 4
    measured.on_test_end(nothing, nothing)
    assert measured.per_second is None

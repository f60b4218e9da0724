from __future__ import annotations

import pytest

from seqtrain.training.telemetry.pace import FIRST_COST, Pace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("seqtrain.training.telemetry.pace.time.monotonic", lambda: now[0])
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

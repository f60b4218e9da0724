"""What is resumed from is compared with what was built, and what may differ is let through."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from seqtrain.training.resumed import check_progress


class Mine(pl.Callback):
    """A user's own, whose state is another one later."""

    def state_dict(self) -> dict[str, Any]:
        return {"best": 0.0, "history": torch.zeros(0)}


def check(callback: pl.Callback, state: Any) -> None:
    progress: dict[str, Any] = {"epoch_progress": {}, "epoch_loop.batch_progress": {}}
    trainer: Any = SimpleNamespace(fit_loop=SimpleNamespace(state_dict=dict), callbacks=[callback])
    saved = {"loops": {"fit_loop": progress}, "callbacks": {callback.state_key: state}}
    check_progress(saved, trainer)


def state_of(num_processes: int) -> dict[str, Any]:
    """As `LastCheckpoint` gathers it."""
    states = [torch.zeros(8, dtype=torch.uint8)] * num_processes
    return {"random_cpu": states if num_processes > 1 else states[0]}


@pytest.mark.parametrize(("before", "now"), [(1, 1), (1, 2), (2, 1), (2, 4), (4, 2)])
def test_any_number_of_processes_goes_on(before: int, now: int, monkeypatch: pytest.MonkeyPatch) -> None:
    callback = pl.callbacks.Timer()
    monkeypatch.setattr(callback, "state_dict", lambda: state_of(now))
    check(callback, state_of(before))
    with pytest.raises(ValueError, match=r"random_cpu.* is a tensor of the shape"):
        check(callback, {"random_cpu": [torch.zeros(3)] * before})


def test_what_was_not_measured_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    callback = pl.callbacks.Timer()
    monkeypatch.setattr(callback, "state_dict", lambda: {"cpu_seconds": 0.0})
    check(callback, {"cpu_seconds": None})


def test_a_state_of_a_users_own_may_change() -> None:
    check(Mine(), {"best": torch.tensor(0.5), "history": torch.zeros(7)})

from __future__ import annotations

import multiprocessing
import os

import pytest

from seqtrain.sweeps.devices import use_own_gpu, visible_gpus


@pytest.mark.parametrize(("number", "gpu"), [(1, "4"), (2, "7"), (3, "4")])
def test_workers_take_turns(number: int, gpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    monkeypatch.setattr(multiprocessing.current_process(), "name", f"LokyProcess-{number}")
    use_own_gpu()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == gpu


def test_elsewhere_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    use_own_gpu()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,7"


def test_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus() == []

"""Fixtures of trainings that are interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytorch_lightning as pl
from disturbed_runs import Disturbance, run
from omegaconf import DictConfig
from small_runs import compose_small

from seqtrain.runs.logs import quiet_lightning


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet_lightning():
        yield


@pytest.fixture
def disturbed(monkeypatch) -> Callable[[DictConfig, int, Callable[[], object]], None]:
    """Trains, and does something at the beginning of a step."""
    import seqtrain.training.build

    build_trainer = seqtrain.training.build.build_trainer

    def run_disturbed(cfg: DictConfig, number: int, action: Callable[[], object]) -> None:
        def build(*arguments: Any) -> pl.Trainer:
            trainer = build_trainer(*arguments)
            trainer.callbacks.insert(0, Disturbance(number, action))
            return trainer

        with monkeypatch.context() as patch:
            patch.setattr(seqtrain.training.build, "build_trainer", build)
            run(cfg)

    return run_disturbed


@pytest.fixture(scope="session")
def whole_runs(tmp_path_factory, treebank) -> Callable[..., DictConfig]:
    """The configuration of a run that was never interrupted; each is trained once."""
    done: dict[tuple[str, ...], DictConfig] = {}

    def get(task: str, *overrides: str) -> DictConfig:
        key = (task, *overrides)
        if key not in done:
            folder = tmp_path_factory.mktemp("whole")
            done[key] = compose_small(folder / "run", treebank, *overrides, task=task)
            run(done[key])
        return done[key]

    return get

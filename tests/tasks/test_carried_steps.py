"""task=steps on long sequences that are read piece by piece."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqtrain.config import ConfigError, compose_config
from seqtrain.data import Arrays
from seqtrain.errors import DataError
from seqtrain.training.build import build_learner

OVERRIDES = ("task=steps", "model=bilstm", "model.bidirectional=false", "model.hidden_size=8")


def save(path: Path, per_step: bool = True) -> Path:
    random = np.random.RandomState(0)
    lengths = random.randint(20, 60, 30)
    x = random.rand(lengths.sum(), 2).astype(np.float32)
    np.savez(path, x=x, lengths=lengths, y=random.randint(0, 3, lengths.sum() if per_step else len(lengths)))
    return path


def load(path: Path, steps: int | None) -> Any:
    return Arrays(path=path, batch_size=4, eval_batch_size=3, steps=steps).load()


def evaluate(learner: Any, corpus: Any) -> float:
    from seqtrain.data.batching.loader import evaluation_batches
    from seqtrain.data.corpus import Batching

    dev = corpus.splits["dev"]
    metrics = learner.task.build_metrics(corpus.spec, {})
    with torch.no_grad():
        for chosen in evaluation_batches(dev, Batching(4, None, 3)):
            learner.task.evaluation_step(learner.network, dev.batch(chosen), metrics)
    return float(metrics.compute()["loss"])


def test_pieces_with_the_state_carried_on_have_the_loss_of_the_whole(tmp_path: Path) -> None:
    path = save(tmp_path / "data.npz")
    whole = load(path, None)
    cfg = compose_config([*OVERRIDES, f"data.path={path}", "data.steps=7"])
    learner = build_learner(cfg, whole.spec).eval()
    expected = evaluate(learner, whole)
    assert evaluate(learner, load(path, 7)) == pytest.approx(expected, abs=1e-6)
    learner.task.carry_state = False
    assert abs(evaluate(learner, load(path, 7)) - expected) > 1e-6


def test_classes_of_sequences_have_no_pieces(tmp_path: Path) -> None:
    path = save(tmp_path / "data.npz", per_step=False)
    with pytest.raises(DataError, match=r"a class for each sequence; data\.steps is for sequences"):
        load(path, 7)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.bidirectional=true", "data.steps=7"], r"task\.carry_state: true needs a model of one direc"),
        (["task.carry_state=true"], r"task\.carry_state: does nothing with whole sequences; set data\.steps"),
        (["data.steps=7", "data.max_tokens=9"], r"data\.max_tokens: does nothing with data\.steps"),
    ],
)
def test_what_does_not_fit_is_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compose_config([*OVERRIDES, "data.path=mine", *overrides])

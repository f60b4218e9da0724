from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from seqtrain.errors import RunError
from seqtrain.runs.folder import RunFolder
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.train import train


@pytest.fixture
def poison(monkeypatch):
    """Scales the loss of one training step of a run, by its number from 0."""

    def patch(number: int, factor: float) -> None:
        step, count = SequenceLearner.training_step, iter(range(10**6))

        def poisoned(self: SequenceLearner, batch: Any, batch_idx: int) -> Any:
            network = self.network
            if next(count) == number:
                with torch.no_grad():
                    network.head.linear.bias.mul_(factor)
            return step(self, batch, batch_idx)

        monkeypatch.setattr(SequenceLearner, "training_step", poisoned)

    return patch


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_fails_the_run_at_its_step(compose, poison, factor: float) -> None:
    poison(8, factor)
    cfg = compose()
    with pytest.raises(RunError, match=r"^The training loss is nan in step 9. Try a lower optimizer.lr, "):
        train(cfg, RunFolder(cfg.run_dir))
    folder = RunFolder(cfg.run_dir)
    assert not folder.is_done
    assert torch.load(folder.last_checkpoint, weights_only=True)["global_step"] == 6
    assert "ERROR The training loss is nan in step 9." in folder.log_file.read_text()


def test_a_gradient_that_is_not_finite_never_reaches_a_checkpoint(compose, monkeypatch) -> None:
    clip = SequenceLearner.configure_gradient_clipping

    def poisoned(self: SequenceLearner, *arguments: Any, **options: Any) -> None:
        if self.trainer.global_step == 11:  # the last step of the last epoch
            self.network.head.linear.weight.grad[0] = torch.inf
        clip(self, *arguments, **options)

    monkeypatch.setattr(SequenceLearner, "configure_gradient_clipping", poisoned)
    cfg = compose("callbacks.best=null")
    cfg.trainer.limit_val_batches = 0  # a validation would notice first
    with pytest.raises(RunError, match=r"^The weight .* is not finite after step 12: its gradient was"):
        train(cfg, RunFolder(cfg.run_dir))
    assert torch.load(RunFolder(cfg.run_dir).last_checkpoint, weights_only=True)["global_step"] == 6


def test_a_metric_that_is_not_finite_fails_the_run(compose, monkeypatch) -> None:
    from seqtrain.tasks.metrics import Metrics

    compute = Metrics.compute
    monkeypatch.setattr(Metrics, "compute", lambda self: compute(self) | {"loss": float("inf")})
    cfg = compose()
    with pytest.raises(RunError, match=r"^val/loss is inf after step 6. Try"):
        train(cfg, RunFolder(cfg.run_dir))


def test_without_the_callback_the_run_goes_on_and_its_metrics_are_valid_json(compose, poison) -> None:
    poison(8, float("nan"))
    cfg = compose("callbacks.nonfinite=null")
    metrics = train(cfg, RunFolder(cfg.run_dir))
    assert metrics["epochs"] == 2

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = (Path(cfg.run_dir) / "metrics.json").read_text()
    assert json.loads(text, parse_constant=refuse)["epochs"] == 2

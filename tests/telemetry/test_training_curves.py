from __future__ import annotations

from pathlib import Path

import pytest
import torch
from event_files import read_scalars

from seqtrain.runs.folder import RunFolder
from seqtrain.telemetry.training_curves import GRADIENT_NORM, LEARNING_RATE, LOSS, _total_gradient_norm
from seqtrain.training.train import train


def test_the_first_group_of_charts_has_loss_metric_learning_rate_and_gradient_norm(compose) -> None:
    cfg = compose()
    train(cfg, RunFolder(cfg.run_dir))
    training = read_scalars(Path(cfg.run_dir))
    validation = read_scalars(Path(cfg.run_dir) / "validation")
    assert training[LOSS] == training["train/loss"]
    assert training[LEARNING_RATE] == training["train/learning_rate"]
    assert training[GRADIENT_NORM] == training["train/gradient_norm"]
    assert validation[LOSS] == training["val/loss"]
    assert validation["at a glance/2 accuracy"] == training["val/accuracy"]
    assert min(training) == LOSS  # TensorBoard sorts by name


def test_gradient_norm_is_that_of_all_gradients_together() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    parameters[0].grad, parameters[1].grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
    assert _total_gradient_norm(optimizer).item() == pytest.approx(5.0)

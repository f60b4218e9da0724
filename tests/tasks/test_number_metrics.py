from __future__ import annotations

import numpy as np
import pytest
import torch

from seqtrain.spec import SequenceNumbers
from seqtrain.tasks import NumberMetrics

PREDICTIONS = torch.tensor([[1.0, 0.0], [0.0, 2.0], [2.0, 1.0]])
TARGETS = torch.tensor([[0.0, 1.0], [1.0, torch.nan], [2.0, -1.0]])


def test_errors_are_in_units_and_as_they_were_learnt() -> None:
    metrics = NumberMetrics(SequenceNumbers(("a", "b"), ((0.0, 5.0), (2.0, 10.0))))
    metrics.update(PREDICTIONS[:1], TARGETS[:1], torch.tensor(2.0))
    metrics.update(PREDICTIONS[1:], TARGETS[1:], torch.tensor(3.0))
    found = metrics.compute()
    scaled = np.array([1.0, -1.0, -1.0, 0.0, 2.0])  # all known ones
    errors = scaled * [2, 10, 2, 2, 10]
    assert found["loss"] == 1.0
    assert found["scaled_mae"] == pytest.approx(np.abs(scaled).mean())
    assert found["scaled_rmse"] == pytest.approx(np.sqrt(np.square(scaled).mean()))
    assert found["mae"] == pytest.approx(np.abs(errors).mean())
    assert found["mse"] == pytest.approx(np.square(errors).mean())
    assert found["mae/b"] == pytest.approx(15.0)
    assert found["r2/a"] == pytest.approx(1 - 2 / 2)
    assert found["r2/b"] == pytest.approx(1 - 5 / 2)
    assert found["r2"] == pytest.approx(-0.75)


def test_one_number_has_no_metrics_of_its_own_name() -> None:
    metrics = NumberMetrics(SequenceNumbers(("a",)))
    metrics.update(PREDICTIONS[:, :1], TARGETS[:, :1], torch.tensor(2.0))
    assert set(metrics.compute()) == {"loss", "mae", "mse", "rmse", "r2"}


@pytest.mark.parametrize(("prediction", "r2"), [(3.0, 1.0), (4.0, 0.0)])
def test_r2_of_targets_that_do_not_differ(prediction: float, r2: float) -> None:
    metrics = NumberMetrics(SequenceNumbers(("a",)))
    metrics.update(torch.full((4, 1), prediction), torch.full((4, 1), 3.0), torch.tensor(0.0))
    assert metrics.compute()["r2"] == r2

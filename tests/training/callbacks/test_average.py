from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from seqtrain.training import WeightAverage


def averages(decay: float, values: list[float]) -> list[float]:
    """The average of a single weight after each of its values."""
    module = nn.Linear(1, 1, bias=False)
    averaged = AveragedModel(module, **WeightAverage(decay)._kwargs)
    found = []
    for value in values:
        nn.init.constant_(module.weight, value)
        averaged.update_parameters(module)
        found.append(averaged.module.weight.item())
    return found


def test_the_first_weights_are_forgotten_in_a_short_training() -> None:
    found = averages(0.999, [1.0, 0.0, 0.0])
    assert found == pytest.approx([1.0, 1 / 10, 1 / 10 * 2 / 11])
    assert averages(0.999, [100.0] + [1.0] * 60)[-1] == pytest.approx(1.0, abs=1e-6)


def test_a_long_training_has_the_decay_that_was_asked_for() -> None:
    found = torch.tensor(averages(0.5, [1.0] * 30 + [0.0, 0.0]))
    assert found[-3:].tolist() == pytest.approx([1.0, 0.5, 0.25])


def test_a_decay_of_one_never_moves() -> None:
    with pytest.raises(ValueError, match=r"^decay must be at least 0 and below 1, got 1.0$"):
        WeightAverage(1.0)

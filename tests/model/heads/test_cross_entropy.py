import math

import pytest
import torch

from seqtrain.model.heads.cross_entropy import cross_entropy_sum, probability
from seqtrain.records import IGNORED

SCORES = torch.tensor(
    [[math.log(3.0), 0.0], [0.0, 0.0], [5.0, 1.0]]
)  # probabilities 3/4 and 1/4, then halves


def test_the_loss_is_summed_over_what_has_a_target() -> None:
    loss = cross_entropy_sum(SCORES, torch.tensor([0, 1, IGNORED]), 0.0)
    assert loss.item() == pytest.approx(math.log(4 / 3) + math.log(2))


def test_the_loss_is_float32_in_half_precision_too() -> None:
    assert cross_entropy_sum(SCORES.bfloat16(), torch.tensor([0, 1, IGNORED]), 0.0).dtype == torch.float32


def test_smoothing_spreads_probability_over_all_classes() -> None:
    loss = cross_entropy_sum(SCORES[:1], torch.tensor([0]), 0.2)
    assert loss.item() == pytest.approx(0.9 * math.log(4 / 3) + 0.1 * math.log(4))


def test_the_probability_of_an_answer() -> None:
    assert probability(SCORES[:2], torch.tensor([1, 0])).tolist() == pytest.approx([0.25, 0.5])

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from small_networks import LENGTHS, batch, network
from torch import nn

from seqtrain.model import Network
from seqtrain.records import SequenceBatch
from seqtrain.telemetry.gradients import gradient_norms, trace_network
from seqtrain.telemetry.reach import has_loss_at_one_step, norms_by_distance, reach_statistics


def measured(model: Network, data: SequenceBatch) -> dict[str, torch.Tensor]:
    traced = trace_network(model, data)
    return norms_by_distance(model, data, traced, gradient_norms(model, data, traced))


def direct(model: Network, data: SequenceBatch, place: int) -> torch.Tensor:
    """The norms of dL/dh_t for the loss of the last step of one unpadded sequence, the last step first."""
    rnn: Any = model.backbone.rnn
    length = int(data.lengths[place])
    states, final = [], None
    for step in data.inputs[place, :length]:
        _, final = rnn(step[None, None], final)
        final.retain_grad()
        states.append(final)
    scores = model.head.linear(final[-1])
    nn.functional.cross_entropy(scores, data.targets[place, length - 1 : length]).backward()
    return torch.stack([h.grad.norm() for h in reversed(states)])


def test_for_a_tagger_the_loss_is_that_of_the_last_step_alone() -> None:
    torch.manual_seed(0)
    model, data = network("tags", nn.GRU(4, 5, batch_first=True)), batch("tags")
    norms = measured(model, data)["layer0/forward"]
    for place, length in enumerate(LENGTHS.tolist()):
        expected = direct(model, data, place)
        assert norms[place, :length].tolist() == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-8)
        assert norms[place, length:].tolist() == [0.0] * (9 - length)


def test_a_backward_direction_arrives_last_at_the_first_step() -> None:
    torch.manual_seed(0)
    model, data = network("tags", nn.GRU(4, 5, bidirectional=True, batch_first=True)), batch("tags")
    norms = measured(model, data)
    assert list(norms) == ["layer0/forward", "layer0/backward"]
    for by_step in norms.values():
        assert (by_step[:, 0] > by_step[:, 1]).all()
        assert (by_step[:, 1] > by_step[:, 2]).all()


def test_for_one_label_a_sequence_it_is_the_gradient_of_its_loss() -> None:
    torch.manual_seed(0)
    model, data = network("label", nn.GRU(4, 5, batch_first=True)), batch("label")
    by_step = gradient_norms(model, data, trace_network(model, data))["layer0/forward"]
    for place, length in enumerate(LENGTHS.tolist()):
        expected = by_step[place, :length].flip(0).tolist()
        assert measured(model, data)["layer0/forward"][place, :length].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("norms", "reach"),
    [([1.0, 0.5, 2e-4, 5e-5, 0.5], 3.0), ([1.0, 0.9, 0.8, 0.7, 0.6], 5.0), ([0.0] * 5, 0.0)],
)
def test_the_reach_ends_where_a_ten_thousandth_is_left(norms: list[float], reach: float) -> None:
    statistics = reach_statistics({"layer0/forward": torch.tensor([norms])}, torch.tensor([5]))
    assert statistics == {"layer0/forward/reach": reach}


def test_a_gradient_that_is_not_finite_has_no_reach() -> None:
    norms = {"layer0/forward": torch.tensor([[1.0, torch.nan, 0.0]])}
    assert math.isnan(reach_statistics(norms, torch.tensor([3]))["layer0/forward/reach"])


def test_a_head_that_pools_over_time_has_no_loss_at_one_step() -> None:
    model = network("label", nn.GRU(4, 5, batch_first=True))
    assert has_loss_at_one_step(model)
    model.head.pooling = "max"
    assert not has_loss_at_one_step(model)

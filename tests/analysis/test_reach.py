from __future__ import annotations

import math
from statistics import fmean
from typing import Any

import pytest
import torch
from small_networks import LENGTHS, batch, network
from torch import nn

from seqtrain.analysis.gradients import (
    Distances,
    gradient_norms,
    gradient_through_time,
    growth_statistics,
    has_loss_at_one_step,
    norms_by_distance,
    reach_statistics,
    trace_network,
)
from seqtrain.model import Network
from seqtrain.records import IGNORED, SequenceBatch


def distances(model: Network, data: SequenceBatch) -> dict[str, Distances]:
    traced = trace_network(model, data)
    return norms_by_distance(model, data, traced, gradient_norms(model, data, traced))


def measured(model: Network, data: SequenceBatch) -> dict[str, torch.Tensor]:
    return {place: each.norms for place, each in distances(model, data).items()}


def walk(rnn: Any, inputs: torch.Tensor, direction: int) -> list[torch.Tensor]:
    """The states of one direction of a single layer in the order of its steps, each (1, 1, hidden)."""
    suffix = "_reverse" if direction else ""
    cell = nn.GRUCell(rnn.input_size, rnn.hidden_size)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(cell, name, getattr(rnn, f"{name}_l0{suffix}"))
    states: list[torch.Tensor] = []
    for step in inputs.flip(0) if direction else inputs:
        states.append(cell(step[None], states[-1] if states else None))
        states[-1].retain_grad()
    return states


def direct(model: Network, data: SequenceBatch, place: int, direction: int = 0) -> list[float]:
    """The norms of dL/dh_t of a direction for the loss at its last step, of one sequence without padding.

    The last step comes first.
    """
    rnn: Any = model.backbone.rnn
    inputs = data.inputs[place, : int(data.lengths[place])]
    directions = [walk(rnn, inputs, number) for number in range(1 + rnn.bidirectional)]
    end = 0 if direction else len(inputs) - 1  # of the sequence
    at_end = [states[-1 - end if number else end] for number, states in enumerate(directions)]
    scores = model.head.linear(torch.cat(at_end, dim=-1))
    nn.functional.cross_entropy(scores, data.targets[place, end : end + 1]).backward()
    return [float(h.grad.norm()) for h in reversed(directions[direction])]


def test_for_a_tagger_the_loss_is_that_of_the_last_step_alone() -> None:
    torch.manual_seed(0)
    model, data = network("tags", nn.GRU(4, 5, batch_first=True)), batch("tags")
    norms = measured(model, data)["layer0/forward"]
    for place, length in enumerate(LENGTHS.tolist()):
        expected = direct(model, data, place)
        assert norms[place, :length].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-8)
        assert norms[place, length:].tolist() == [0.0] * (9 - length)


def test_each_direction_has_the_loss_of_the_step_at_which_it_arrives_last() -> None:
    torch.manual_seed(0)
    model, data = network("tags", nn.GRU(4, 5, bidirectional=True, batch_first=True)), batch("tags")
    norms = measured(model, data)
    assert list(norms) == ["layer0/forward", "layer0/backward"]
    for direction, by_step in enumerate(norms.values()):
        for place, length in enumerate(LENGTHS.tolist()):
            expected = direct(model, data, place, direction)
            assert by_step[place, :length].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-8)
            assert by_step[place, length:].tolist() == [0.0] * (9 - length)


def test_the_reach_of_both_directions_is_that_of_each_sequence_alone() -> None:
    torch.manual_seed(0)
    model, data = network("tags", nn.GRU(4, 5, bidirectional=True, batch_first=True)), batch("tags")
    with torch.no_grad():  # so that little is carried on, and the reach ends within the sequences
        for name, weight in model.backbone.rnn.named_parameters():
            weight.mul_(0.02 if "weight_hh" in name else 1.0)
            if "bias_ih" in name:
                weight[5:10] = torch.tensor(-3.0 if "reverse" in name else -4.0)  # the update gate
    measured = distances(model, data)
    assert [each.num_steps.tolist() for each in measured.values()] == [LENGTHS.tolist()] * 2
    reach = reach_statistics({place: gradient_through_time(each) for place, each in measured.items()})
    for direction, name in enumerate(("forward", "backward")):
        alone = [direct(model, data, place, direction) for place in range(3)]
        means = [fmean(norms[step] for norms in alone if len(norms) > step) for step in range(9)]
        expected = next(step for step, mean in enumerate(means) if mean <= 1e-4 * means[0])
        assert reach[f"layer0/{name}/reach"] == expected
    assert reach["layer0/forward/reach"] < reach["layer0/backward/reach"]


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
    statistics = reach_statistics({"layer0/forward": torch.tensor(norms)})
    assert statistics == {"layer0/forward/reach": reach}


@pytest.mark.parametrize(
    ("norms", "growth"),
    [([2.0, 1.0, 0.5], 1.0), ([2.0, 40.0, 1e5], 5e4), ([0.0, 3.0, 1.0], 0.0), ([0.0] * 3, 0.0)],
)
def test_the_growth_is_that_on_the_way_back(norms: list[float], growth: float) -> None:
    statistics = growth_statistics({"layer0/forward": torch.tensor(norms)})
    assert statistics == {"layer0/forward/growth": growth}


def test_a_gradient_that_is_not_finite_has_no_reach() -> None:
    norms = {"layer0/forward": torch.tensor([1.0, torch.nan, 0.0])}
    assert math.isnan(reach_statistics(norms)["layer0/forward/reach"])


def test_a_head_that_pools_over_time_has_no_loss_at_one_step() -> None:
    model = network("label", nn.GRU(4, 5, batch_first=True))
    assert has_loss_at_one_step(model)
    model.head.pooling = "max"
    assert not has_loss_at_one_step(model)


def test_the_mean_is_over_the_sequences_that_have_so_many_steps_before_the_loss() -> None:
    norms = torch.tensor([[1.0, 2.0, 3.0, 0.0], [5.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    means = gradient_through_time(Distances(norms, torch.tensor([3, 1, 0])))
    assert means.tolist() == [3.0, 2.0, 3.0]
    nothing = gradient_through_time(Distances(norms, torch.tensor([0, 0, 0])))
    assert nothing.tolist() == []
    assert reach_statistics({"layer0/forward": nothing}) == {"layer0/forward/reach": 0.0}
    assert growth_statistics({"layer0/forward": nothing}) == {"layer0/forward/growth": 0.0}


def test_the_loss_is_that_of_the_last_step_with_a_target() -> None:
    torch.manual_seed(0)
    model, data = network("tags", nn.GRU(4, 5, bidirectional=True, batch_first=True)), batch("tags")
    data.targets[0, 7:] = data.targets[0, :2] = data.targets[1] = IGNORED
    measured = distances(model, data)
    forward, backward = measured["layer0/forward"], measured["layer0/backward"]
    assert forward.num_steps.tolist() == [7, 0, 6]
    assert backward.num_steps.tolist() == [7, 0, 6]
    assert forward.norms[:2].ne(0).tolist() == [[True] * 7 + [False] * 2, [False] * 9]
    assert backward.norms[:2].ne(0).tolist() == [[True] * 7 + [False] * 2, [False] * 9]
    # The same gradients as of the loss of this step alone.
    only = torch.full_like(data.targets, IGNORED)
    only[0, 6] = data.targets[0, 6]
    alone = SequenceBatch(data.inputs, data.lengths, only)
    by_step = gradient_norms(model, alone, trace_network(model, alone))["layer0/forward"]
    assert forward.norms[0, :7].tolist() == pytest.approx(by_step[0, :7].flip(0).tolist())


def test_a_sequence_without_a_label_has_no_loss() -> None:
    model, data = network("label", nn.GRU(4, 5, batch_first=True)), batch("label")
    data.targets[1] = IGNORED
    assert distances(model, data)["layer0/forward"].num_steps.tolist() == [9, 0, 6]

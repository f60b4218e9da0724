from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
from small_networks import LENGTHS, batch, network
from torch import nn

from seqtrain.analysis import gradients as module
from seqtrain.analysis.gradients import (
    Distances,
    find_growth,
    find_reach,
    gradient_norms,
    gradient_statistics,
    gradient_through_time,
    norms_by_distance,
    reach,
    trace_network,
)
from seqtrain.analysis.sample import has_loss_at_one_step
from seqtrain.model import Network, NumberHead
from seqtrain.records import IGNORED, FinalState, SequenceBatch, valid_steps
from seqtrain.recurrence.trace import trace


def measured(model: Network, data: SequenceBatch) -> dict[str, torch.Tensor]:
    return gradient_norms(model, data, trace_network(model, data))


def direct(model: Network, data: SequenceBatch, row: int) -> torch.Tensor:
    """The norms of dL/dh_t of one unpadded sequence, from a walk step by step over the module itself."""
    rnn: Any = model.backbone.rnn
    length = int(data.lengths[row])
    x, states, final = data.inputs[row, :length], [], None
    for step in x:
        _, final = rnn(step[None, None], final)
        h = final[0] if isinstance(final, tuple) else final
        h.retain_grad()
        states.append(h)
    last = (final[0] if isinstance(final, tuple) else final)[-1]
    output = torch.cat(states, dim=1)  # (1, length, hidden)
    features = last if data.targets.ndim == 1 else output
    scores = model.head.linear(features)
    targets = data.targets[row : row + 1] if data.targets.ndim == 1 else data.targets[row, :length]
    nn.functional.cross_entropy(scores.flatten(0, -2), targets, reduction="sum").backward()
    return torch.stack([h.grad.norm() for h in states])


@pytest.mark.parametrize("head", ["label", "tags"])
@pytest.mark.parametrize("make", [nn.RNN, nn.GRU, nn.LSTM])
def test_norms_are_those_of_each_sequence_alone(head: str, make: Any) -> None:
    torch.manual_seed(0)
    model, data = network(head, make(4, 5, batch_first=True)), batch(head)
    norms = measured(model, data)["layer0/forward"]
    for row, length in enumerate(LENGTHS.tolist()):
        expected = direct(model, data, row)
        assert norms[row, :length].tolist() == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-8)
        assert norms[row, length:].tolist() == [0.0] * (9 - length)


def test_a_backward_direction_begins_at_the_end_of_its_sequence() -> None:
    torch.manual_seed(0)
    model, data = network("label", nn.GRU(4, 5, bidirectional=True, batch_first=True)), batch("label")
    norms = measured(model, data)
    assert set(norms) == {"layer0/forward", "layer0/backward"}
    # Its last step, of which the head makes its scores, is the first word; nothing lies between it and the
    # loss.
    for row, length in enumerate(LENGTHS.tolist()):
        ends = norms["layer0/backward"][row]
        assert ends[length - 1] > ends[: length - 1].max()
        assert ends[length:].tolist() == [0.0] * (9 - length)


def test_padding_order_and_size_of_the_batch_change_nothing() -> None:
    torch.manual_seed(0)
    model, data = network("tags", nn.LSTM(4, 5, 2, bidirectional=True)), batch("tags")
    whole = gradient_statistics(measured(model, data), LENGTHS)
    order = [2, 0, 1]
    longer = SequenceBatch(
        torch.cat((data.inputs, torch.full((3, 2, 4), 7.0)), dim=1)[order],
        LENGTHS[order],
        nn.functional.pad(data.targets, (0, 2), value=IGNORED)[order],
    )
    assert gradient_statistics(measured(model, longer), longer.lengths) == pytest.approx(whole, rel=1e-4)


def test_fifths_are_those_of_each_sequences_own_steps() -> None:
    by_step = torch.zeros(3, 10)
    by_step[0] = torch.arange(10.0)  # length 10: fifths of two steps
    by_step[1, :5] = torch.tensor([7.0, 1, 1, 1, 3])  # length 5: fifths of one step
    by_step[2, :4] = 100.0  # too short
    statistics = gradient_statistics({"layer0/forward": by_step}, torch.tensor([10, 5, 4]))
    assert statistics == {
        "layer0/forward/first_fifth": (0.5 + 7) / 2,
        "layer0/forward/last_fifth": (8.5 + 3) / 2,
        "layer0/forward/ratio": pytest.approx(7.5 / 11.5),
    }


def test_short_sequences_alone_have_no_fifths() -> None:
    assert gradient_statistics({"layer0/forward": torch.ones(2, 4)}, torch.tensor([4, 2])) == {}


def test_without_any_gradient_the_ratio_is_zero() -> None:
    statistics = gradient_statistics({"layer0/forward": torch.zeros(1, 5)}, torch.tensor([5]))
    assert statistics["layer0/forward/ratio"] == 0.0


def distances(model: Network, data: SequenceBatch) -> dict[str, Distances]:
    traced = trace_network(model, data)
    return norms_by_distance(model, data, traced, gradient_norms(model, data, traced))


def by_distance(model: Network, data: SequenceBatch) -> dict[str, torch.Tensor]:
    return {name: each.norms for name, each in distances(model, data).items()}


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


def direct_from_end(model: Network, data: SequenceBatch, row: int, direction: int = 0) -> list[float]:
    """The norms of dL/dh_t of a direction for the loss at its last step, of one sequence without padding.

    The last step comes first.
    """
    rnn: Any = model.backbone.rnn
    inputs = data.inputs[row, : int(data.lengths[row])]
    directions = [walk(rnn, inputs, number) for number in range(1 + rnn.bidirectional)]
    end = 0 if direction else len(inputs) - 1  # of the sequence
    at_end = [states[-1 - end if number else end] for number, states in enumerate(directions)]
    scores = model.head.linear(torch.cat(at_end, dim=-1))
    loss = nn.functional.mse_loss if data.targets.is_floating_point() else nn.functional.cross_entropy
    loss(scores, data.targets[row, end : end + 1], reduction="sum").backward()
    return [float(h.grad.norm()) for h in reversed(directions[direction])]


def numbers_of_steps() -> tuple[Network, SequenceBatch]:
    model, data = network("tags", nn.GRU(4, 5, batch_first=True)), batch("tags")
    model.head = NumberHead(5, 2, dropout=0.0, loss="mse", pooling=None)
    beyond = ~valid_steps(data.lengths, 9)[..., None]
    return model, replace(data, targets=torch.randn(3, 9, 2).masked_fill(beyond, torch.nan))


@pytest.mark.parametrize(
    "make", [lambda: (network("tags", nn.GRU(4, 5, batch_first=True)), batch("tags")), numbers_of_steps]
)
def test_with_a_target_for_each_step_the_loss_is_that_of_the_last_one_alone(make: Any) -> None:
    torch.manual_seed(0)
    model, data = make()
    norms = by_distance(model, data)["layer0/forward"]
    for row, length in enumerate(LENGTHS.tolist()):
        expected = direct_from_end(model, data, row)
        assert norms[row, :length].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-8)
        assert norms[row, length:].tolist() == [0.0] * (9 - length)


def test_each_direction_has_the_loss_of_the_step_at_which_it_arrives_last() -> None:
    torch.manual_seed(0)
    model, data = network("tags", nn.GRU(4, 5, bidirectional=True, batch_first=True)), batch("tags")
    norms = by_distance(model, data)
    assert list(norms) == ["layer0/forward", "layer0/backward"]
    for direction, by_step in enumerate(norms.values()):
        for row, length in enumerate(LENGTHS.tolist()):
            expected = direct_from_end(model, data, row, direction)
            assert by_step[row, :length].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-8)
            assert by_step[row, length:].tolist() == [0.0] * (9 - length)


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
    reach = {name: find_reach(gradient_through_time(each)) for name, each in measured.items()}
    for direction, name in enumerate(("forward", "backward")):
        alone = [direct_from_end(model, data, row, direction) for row in range(3)]
        means = [fmean(norms[step] for norms in alone if len(norms) > step) for step in range(9)]
        expected = next(step for step, mean in enumerate(means) if mean <= 1e-4 * means[0])
        assert reach[f"layer0/{name}"] == expected
    assert reach["layer0/forward"] < reach["layer0/backward"]


def test_for_one_label_a_sequence_it_is_the_gradient_of_its_loss() -> None:
    torch.manual_seed(0)
    model, data = network("label", nn.GRU(4, 5, batch_first=True)), batch("label")
    by_step = gradient_norms(model, data, trace_network(model, data))["layer0/forward"]
    for row, length in enumerate(LENGTHS.tolist()):
        expected = by_step[row, :length].flip(0).tolist()
        assert by_distance(model, data)["layer0/forward"][row, :length].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("norms", "reach"),
    [([1.0, 0.5, 2e-4, 5e-5, 0.5], 3.0), ([1.0, 0.9, 0.8, 0.7, 0.6], 5.0), ([0.0] * 5, 0.0)],
)
def test_the_reach_ends_where_a_ten_thousandth_is_left(norms: list[float], reach: float) -> None:
    assert find_reach(torch.tensor(norms)) == reach


@pytest.mark.parametrize(
    ("norms", "growth"),
    [([2.0, 1.0, 0.5], 1.0), ([2.0, 40.0, 1e5], 5e4), ([0.0, 3.0, 1.0], 0.0), ([0.0] * 3, 0.0)],
)
def test_the_growth_is_that_on_the_way_back(norms: list[float], growth: float) -> None:
    assert find_growth(torch.tensor(norms)) == growth


def test_a_gradient_that_is_not_finite_has_no_reach() -> None:
    assert math.isnan(find_reach(torch.tensor([1.0, torch.nan, 0.0])))


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
    assert find_reach(nothing) == find_growth(nothing) == 0.0


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


def test_a_recurrence_that_halves_its_state() -> None:
    """h_t = h_(t-1) / 2 where the input is 0: with each step it means half as much to a loss."""
    rnn = nn.RNN(1, 1, bias=False, nonlinearity="relu")
    with torch.no_grad():
        rnn.weight_ih_l0.fill_(0.0)
        rnn.weight_hh_l0.fill_(0.5)
    traced = trace(rnn, torch.ones(1, 3, 1), torch.tensor([3]), FinalState(torch.ones(1, 1, 1)))
    scores = torch.cat([traced.output, -traced.output], dim=-1)
    found = reach(traced, scores, torch.zeros(1, 3, dtype=torch.long))
    assert found is not None
    assert found.shape == (1, 1, 1, 3, 3)
    own = found[0, 0, 0].diagonal()
    np.testing.assert_allclose(found[0, 0, 0, 2], [own[2] / 4, own[2] / 2, own[2]], rtol=1e-6)
    assert (np.triu(found[0, 0, 0], 1) == 0).all()  # nothing after the loss matters to it


def test_padding_has_no_loss() -> None:
    torch.manual_seed(0)
    traced = trace(nn.GRU(2, 3), torch.randn(2, 4, 2), torch.tensor([4, 2]))
    targets = torch.tensor([[0, 1, 2, 0], [1, 1, IGNORED, IGNORED]])
    found = reach(traced, traced.output, targets)
    assert found is not None
    assert (found[:, :, 1, 2:] == 0).all()
    assert (found[0, 0, 1, :2].diagonal() > 0).all()


def test_very_long_sequences_have_none(monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_STEPS", 3)
    traced = trace(nn.GRU(2, 3), torch.randn(1, 4, 2), torch.tensor([4]))
    assert reach(traced, traced.output, torch.zeros(1, 4, dtype=torch.long)) is None

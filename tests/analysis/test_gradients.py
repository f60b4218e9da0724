from __future__ import annotations

from typing import Any

import pytest
import torch
from small_networks import LENGTHS, batch, network
from torch import nn

from seqtrain.analysis.gradients import (
    gradient_norms,
    gradient_statistics,
    mean_by_step,
    trace_network,
)
from seqtrain.model import Network
from seqtrain.records import IGNORED, SequenceBatch


def measured(model: Network, data: SequenceBatch) -> dict[str, torch.Tensor]:
    return gradient_norms(model, data, trace_network(model, data))


def direct(model: Network, data: SequenceBatch, place: int) -> torch.Tensor:
    """The norms of dL/dh_t of one unpadded sequence, from a walk step by step over the module itself."""
    rnn: Any = model.backbone.rnn
    length = int(data.lengths[place])
    x, states, final = data.inputs[place, :length], [], None
    for step in x:
        _, final = rnn(step[None, None], final)
        h = final[0] if isinstance(final, tuple) else final
        h.retain_grad()
        states.append(h)
    last = (final[0] if isinstance(final, tuple) else final)[-1]
    output = torch.cat(states, dim=1)  # (1, length, hidden)
    features = last if data.targets.ndim == 1 else output
    scores = model.head.linear(features)
    targets = data.targets[place : place + 1] if data.targets.ndim == 1 else data.targets[place, :length]
    nn.functional.cross_entropy(scores.flatten(0, -2), targets, reduction="sum").backward()
    return torch.stack([h.grad.norm() for h in states])


@pytest.mark.parametrize("head", ["label", "tags"])
@pytest.mark.parametrize("make", [nn.RNN, nn.GRU, nn.LSTM])
def test_norms_are_those_of_each_sequence_alone(head: str, make: Any) -> None:
    torch.manual_seed(0)
    model, data = network(head, make(4, 5, batch_first=True)), batch(head)
    norms = measured(model, data)["layer0/forward"]
    for place, length in enumerate(LENGTHS.tolist()):
        expected = direct(model, data, place)
        assert norms[place, :length].tolist() == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-8)
        assert norms[place, length:].tolist() == [0.0] * (9 - length)


def test_a_backward_direction_begins_at_the_end_of_its_sequence() -> None:
    torch.manual_seed(0)
    model, data = network("label", nn.GRU(4, 5, bidirectional=True, batch_first=True)), batch("label")
    norms = measured(model, data)
    assert set(norms) == {"layer0/forward", "layer0/backward"}
    # Its last step, of which the head makes its scores, is the first word; nothing lies between it and the
    # loss.
    for place, length in enumerate(LENGTHS.tolist()):
        ends = norms["layer0/backward"][place]
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


def test_the_mean_by_step_is_over_the_sequences_that_have_it() -> None:
    by_step = torch.tensor([[1.0, 2.0, 3.0], [5.0, 0.0, 0.0]])
    assert mean_by_step(by_step, torch.tensor([3, 1])).tolist() == [3.0, 2.0, 3.0]


def test_a_backbone_that_cannot_be_traced_is_named() -> None:
    model = network("label", nn.GRU(4, 5))
    model.backbone = nn.Linear(4, 5)
    with pytest.raises(TypeError, match="Linear cannot be traced"):
        trace_network(model, batch("label"))

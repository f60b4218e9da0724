from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from seqtrain.model import (
    BiLSTM,
    Ensemble,
    FinalState,
    LabelHead,
    Network,
    RecurrentBackbone,
    TagHead,
    VectorEncoder,
)
from seqtrain.model.backbone import BackboneError
from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs

KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU, "bilstm": BiLSTM}
LENGTHS = torch.tensor([3, 7, 1, 7, 5])
SPEC = DataSpec(VectorInputs(feature_size=4), SequenceClasses(("a", "b")))


def backbone(kind: str, bidirectional: bool = True, batch_first: bool = True) -> RecurrentBackbone:
    torch.manual_seed(0)
    options = {"bidirectional": bidirectional, "batch_first": batch_first}
    return RecurrentBackbone(KINDS[kind](4, 6, num_layers=2, **options))


@pytest.fixture
def features() -> Tensor:
    return torch.randn(5, 7, 4, generator=torch.Generator().manual_seed(1))


def assert_same(left: Tensor, right: Tensor) -> None:
    torch.testing.assert_close(left, right, rtol=0, atol=1e-6)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_given_state_goes_on_where_a_run_ended(kind, batch_first, features) -> None:
    model = backbone(kind, bidirectional=False, batch_first=batch_first)
    whole, _, final = model(features, torch.full((5,), 7))
    first, _, between = model(features[:, :3], torch.full((5,), 3))
    second, _, end = model(features[:, 3:], torch.full((5,), 4), between)
    assert_same(torch.cat((first, second), dim=1), whole)
    assert_same(end.h_n, final.h_n)


@pytest.mark.parametrize("kind", KINDS)
def test_both_values_of_batch_first_give_the_same_numbers_and_gradients(kind, features) -> None:
    gradients = []
    for batch_first in (False, True):
        model = backbone(kind, batch_first=batch_first)
        states, _, final = model(features, LENGTHS)
        (states.square().sum() + final.h_n.sum()).backward()
        gradients.append([states, *(parameter.grad for parameter in model.parameters())])
    for left, right in zip(*gradients, strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=1e-5)


def test_the_rows_of_the_final_state_are_in_torchs_order(features) -> None:
    model = backbone("bilstm")
    states, _, final = model(features, LENGTHS)
    forward, backward = final.h_n[2], final.h_n[3]  # layer 1; layer 0 has rows 0 and 1
    for row, length in enumerate(LENGTHS.tolist()):
        assert_same(states[row, length - 1, :6], forward[row])
        assert_same(states[row, 0, 6:], backward[row])
        assert states[row, length:].eq(0).all()
    first_layer = BiLSTM(4, 6, batch_first=True)
    own = {name: value for name, value in model.rnn.state_dict().items() if "_l0" in name}
    first_layer.load_state_dict(own)
    _, (h_n, _) = first_layer(features[1:2])
    assert_same(final.h_n[:2, 1:2], h_n)


def test_sizes_are_offered_to_the_next_stage() -> None:
    assert (backbone("lstm").output_size, backbone("lstm").num_directions) == (12, 2)
    assert (backbone("gru", False).output_size, backbone("gru", False).num_directions) == (6, 1)


def test_torchs_documented_shapes() -> None:
    output, h_n = nn.RNN(100, 20, 4)(torch.randn(20, 3, 100))
    assert (output.shape, h_n.shape) == ((20, 3, 20), (4, 3, 20))
    states, _, final = RecurrentBackbone(nn.RNN(100, 20, 4))(torch.randn(3, 20, 100), torch.full((3,), 20))
    assert (states.shape, final.h_n.shape, final.c_n) == ((3, 20, 20), (4, 3, 20), None)
    states, _, final = RecurrentBackbone(nn.LSTM(10, 20, 2))(torch.randn(3, 5, 10), torch.full((3,), 5))
    assert isinstance(final, FinalState)
    assert final.c_n is not None
    assert (states.shape, final.h_n.shape, final.c_n.shape) == ((3, 5, 20), (2, 3, 20), (2, 3, 20))


def test_the_summary_is_the_final_state_of_the_last_layers_directions(features) -> None:
    _, summary, final = backbone("bilstm")(features, LENGTHS)
    assert torch.equal(summary, torch.cat([final.h_n[2], final.h_n[3]], dim=-1))


def test_an_lstm_with_projections_offers_their_size(features) -> None:
    model = RecurrentBackbone(nn.LSTM(4, 6, proj_size=3, batch_first=True, bidirectional=True))
    states, summary, _ = model(features, LENGTHS)
    assert (model.output_size, states.shape, summary.shape) == (6, (5, 7, 6), (5, 6))


class Own(nn.Module):
    """A backbone that returns what it is given, as it is with `dropout`."""

    def __init__(self, output_size: int, *output: object) -> None:
        super().__init__()
        self.output_size, self.output = output_size, output
        self.dropout, self.norm = nn.Dropout(), nn.BatchNorm1d(4)

    def forward(self, features: Tensor, lengths: Tensor, state: object = None) -> tuple[object, ...]:
        assert self.norm(features.transpose(1, 2)).shape == (2, 4, 3)
        return self.output


STATES, SUMMARY = torch.zeros(2, 3, 6), torch.zeros(2, 6)
LEGEND = "for two sequences of 3 and 2 steps"


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (
            (STATES, FinalState(SUMMARY[None])),
            "Own returned a tuple of 2, expected (states, summary, final_state); the summary is one vector "
            "per sequence, such as states[torch.arange(len(lengths)), lengths - 1]",
        ),
        (  # the output is wider than the state
            (STATES, SUMMARY[:, :3], None),
            "summary of Own: got (2, 3), expected (batch, output_size) = (2, 6) with output_size=6 " + LEGEND,
        ),
        (  # the state is wider than the output
            (STATES[..., :3], SUMMARY, None),
            "states of Own: got (2, 3, 3), expected (batch, time, output_size) = (2, 3, 6) "
            "with output_size=6 " + LEGEND,
        ),
        (
            (STATES, FinalState(SUMMARY[None]), None),
            "summary of Own: got FinalState, expected (batch, output_size) = (2, 6) "
            "with output_size=6 " + LEGEND,
        ),
        (
            (STATES, SUMMARY.to(torch.complex64), None),
            "summary of Own: got torch.complex64, expected real numbers; for complex states return the "
            "real part, or the real and the imaginary parts concatenated",
        ),
    ],
    ids=["old", "wide output", "wide state", "no summary", "complex"],
)
def test_what_a_backbone_returns_is_checked_when_the_network_is_built(output, problem: str) -> None:
    with pytest.raises(BackboneError, match=f"^{re.escape(problem)}$"):
        Network(VectorEncoder(SPEC), Own(6, *output), LabelHead(6, 2, 0.0, 0.0))


def test_a_check_leaves_a_backbone_as_it_is() -> None:
    own = Own(6, STATES, SUMMARY, {"memory": torch.zeros(2, 6, dtype=torch.complex64)})
    own.norm.eval()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    Network(VectorEncoder(SPEC), own, LabelHead(6, 2, 0.0, 0.0))
    assert [each.training for each in (own, own.dropout, own.norm)] == [True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items())


def test_what_looks_like_an_lstm_is_checked_too() -> None:
    class Projected(nn.LSTM):
        def forward(self, input, hx=None):
            output, final = super().forward(input, hx)
            return output._replace(data=torch.cat([output.data, output.data], dim=-1)), final

    backbone = RecurrentBackbone(Projected(4, 6, batch_first=True))
    with pytest.raises(BackboneError, match=r"^states of Projected: got \(2, 3, 12\), expected "):
        Network(VectorEncoder(SPEC), backbone, LabelHead(6, 2, 0.0, 0.0))
    message = r"^Linear is not a backbone: it has neither output_size nor, as torch"
    with pytest.raises(BackboneError, match=message):
        RecurrentBackbone(nn.Linear(4, 6))


class Wide(nn.Module):
    """A recurrence whose output is a projection of its state, which is complex."""

    output_size = 6

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.enter = nn.Linear(input_size, 2)
        self.leave = nn.Linear(2, 6)

    def forward(self, features, lengths, state=None):
        memory = torch.zeros(len(features), 2, dtype=torch.complex64) if state is None else state["memory"]
        states, kept = [], []
        for x in self.enter(features).unbind(1):
            memory = memory * torch.polar(torch.tensor(0.9), torch.tensor(0.5)) + x
            states.append(self.leave(memory.real))
            kept.append(memory)
        rows, last = torch.arange(len(lengths)), lengths - 1
        states, kept = torch.stack(states, dim=1), torch.stack(kept, dim=1)
        return states, states[rows, last], {"memory": kept[rows, last]}


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_every_weight_of_a_backbone_of_ones_own_learns(pooling, features) -> None:
    network = Network(VectorEncoder(SPEC), Wide(4), LabelHead(6, 2, 0.5, 0.0, pooling))
    loss, _ = network.training_loss(SequenceBatch(features, LENGTHS, torch.tensor([0, 1, 0, 1, 1])))
    loss.backward()
    assert all(weight.grad.abs().sum() > 0 for weight in network.parameters())


@pytest.mark.parametrize("make", [Wide, lambda size: RecurrentBackbone(nn.GRU(size, 6))])
def test_a_network_goes_on_from_the_state_that_it_returned(make, features) -> None:
    lengths = torch.full((5,), 7)
    network = Network(VectorEncoder(SPEC), make(4), TagHead(6, 2, 0.0, 0.0))
    expected, _ = network(SequenceBatch(features, lengths))
    first, (output,) = network(SequenceBatch(features[:, :3], lengths - 4))
    second, _ = network(SequenceBatch(features[:, 3:], lengths - 3), (output.final_state,))
    assert_same(torch.cat([first, second], dim=1), expected)
    both = Ensemble([network, network])
    answers, outputs = both(SequenceBatch(features[:, :3], lengths - 4))
    answers, _ = both(SequenceBatch(features[:, 3:], lengths - 3), [each.final_state for each in outputs])
    assert_same(answers, expected[:, 3:].log_softmax(dim=-1))

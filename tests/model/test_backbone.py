from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqtrain.model import BiLSTM, FinalState, RecurrentBackbone

KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU, "bilstm": BiLSTM}
LENGTHS = torch.tensor([3, 7, 1, 7, 5])


def backbone(kind: str, bidirectional: bool = True, batch_first: bool = True) -> RecurrentBackbone:
    torch.manual_seed(0)
    return RecurrentBackbone(
        KINDS[kind](4, 6, num_layers=2, bidirectional=bidirectional, batch_first=batch_first)
    )


@pytest.fixture
def features() -> Tensor:
    return torch.randn(5, 7, 4, generator=torch.Generator().manual_seed(1))


def assert_same(left: Tensor, right: Tensor) -> None:
    torch.testing.assert_close(left, right, rtol=0, atol=1e-6)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
class TestPadding:
    def test_a_sequence_in_a_batch_gives_what_it_gives_alone(
        self, kind, bidirectional, batch_first, features
    ) -> None:
        model = backbone(kind, bidirectional, batch_first)
        states, final = model(features, LENGTHS)
        assert states.shape == (5, 7, 12 if bidirectional else 6)
        for row, length in enumerate(LENGTHS.tolist()):
            alone, final_alone = model(features[row : row + 1, :length], LENGTHS[row : row + 1])
            assert_same(states[row, :length], alone[0])
            assert states[row, length:].eq(0).all()
            assert_same(final.h_n[:, row], final_alone.h_n[:, 0])
            assert (final.c_n is None) == (kind in ("rnn", "gru"))
            if final.c_n is not None:
                assert_same(final.c_n[:, row], final_alone.c_n[:, 0])

    def test_garbage_and_more_padding_change_nothing(
        self, kind, bidirectional, batch_first, features
    ) -> None:
        model = backbone(kind, bidirectional, batch_first)
        states, final = model(features, LENGTHS)
        padded = torch.full((5, 11, 4), float("nan"))
        for row, length in enumerate(LENGTHS.tolist()):
            padded[row, :length] = features[row, :length]
        longer, final_longer = model(padded, LENGTHS)
        assert_same(longer[:, :7], states)
        assert longer[:, 7:].eq(0).all()
        for one, other in zip(final, final_longer, strict=True):
            assert (one is None and other is None) or torch.allclose(one, other, rtol=0, atol=1e-6)

    def test_the_order_of_the_batch_changes_nothing(self, kind, bidirectional, batch_first, features) -> None:
        model = backbone(kind, bidirectional, batch_first)
        states, final = model(features, LENGTHS)
        order = torch.tensor([4, 2, 0, 3, 1])
        moved, final_moved = model(features[order], LENGTHS[order])
        assert_same(moved, states[order])
        assert_same(final_moved.h_n, final.h_n[:, order])


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_given_state_goes_on_where_a_run_ended(kind, batch_first, features) -> None:
    model = backbone(kind, bidirectional=False, batch_first=batch_first)
    whole, final = model(features, torch.full((5,), 7))
    first, between = model(features[:, :3], torch.full((5,), 3))
    second, end = model(features[:, 3:], torch.full((5,), 4), between)
    assert_same(torch.cat((first, second), dim=1), whole)
    assert_same(end.h_n, final.h_n)


@pytest.mark.parametrize("kind", KINDS)
def test_both_values_of_batch_first_give_the_same_numbers_and_gradients(kind, features) -> None:
    gradients = []
    for batch_first in (False, True):
        model = backbone(kind, batch_first=batch_first)
        states, final = model(features, LENGTHS)
        (states.square().sum() + final.h_n.sum()).backward()
        gradients.append([states, *(parameter.grad for parameter in model.parameters())])
    for left, right in zip(*gradients, strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=1e-5)


def test_the_rows_of_the_final_state_are_in_torchs_order(features) -> None:
    model = backbone("bilstm")
    states, final = model(features, LENGTHS)
    forward, backward = final.h_n[2], final.h_n[3]  # layer 1; layer 0 has rows 0 and 1
    for row, length in enumerate(LENGTHS.tolist()):
        assert_same(states[row, length - 1, :6], forward[row])
        assert_same(states[row, 0, 6:], backward[row])
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
    states, final = RecurrentBackbone(nn.RNN(100, 20, 4))(torch.randn(3, 20, 100), torch.full((3,), 20))
    assert (states.shape, final.h_n.shape, final.c_n) == ((3, 20, 20), (4, 3, 20), None)
    states, final = RecurrentBackbone(nn.LSTM(10, 20, 2))(torch.randn(3, 5, 10), torch.full((3,), 5))
    assert isinstance(final, FinalState)
    assert final.c_n is not None
    assert (states.shape, final.h_n.shape, final.c_n.shape) == ((3, 5, 20), (2, 3, 20), (2, 3, 20))

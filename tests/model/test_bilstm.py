"""What a bidirectional LSTM must get right: directions, layers, states, dropout, precision, copies."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from cpu_backends import ANY_DTYPE, CPU_BACKENDS
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from seqtrain.model import BiLSTM


def test_same_seed_same_weights_and_state_dict_loads_both_ways() -> None:
    torch.manual_seed(3)
    theirs = nn.LSTM(4, 6, 2, bidirectional=True)
    torch.manual_seed(3)
    mine = BiLSTM(4, 6, 2)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for name, weight in theirs.state_dict().items():
        assert torch.equal(mine.state_dict()[name], weight), name
    BiLSTM(4, 6, 2).load_state_dict(theirs.state_dict())
    nn.LSTM(4, 6, 2, bidirectional=True).load_state_dict(mine.state_dict())
    for ours, torchs in zip(mine.all_weights, theirs.all_weights, strict=True):
        assert [w.shape for w in ours] == [w.shape for w in torchs]


@pytest.mark.parametrize("packed", [False, True])
def test_dropout_acts_between_layers_in_training_and_its_mask_is_torchs(packed: bool) -> None:
    torch.manual_seed(0)
    theirs = nn.LSTM(3, 8, 3, dropout=0.4, bidirectional=True)
    mine = BiLSTM(3, 8, 3, dropout=0.4)
    mine.load_state_dict(theirs.state_dict())
    x: Tensor | PackedSequence = torch.randn(5, 4, 3)
    if packed:
        x = pack_padded_sequence(x, [5, 4, 2, 1])
    results = []
    for layer in (mine, theirs):
        torch.manual_seed(9)
        first, _ = layer(x)
        second, _ = layer(x)
        layer.eval()
        quiet, _ = layer(x)
        again, _ = layer(x)
        results.append([value.data if packed else value for value in (first, second, quiet, again)])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right)
    first, second, quiet, again = results[0]
    assert not torch.equal(first, second)
    assert torch.equal(quiet, again)
    assert not (first == 0).any(), "no dropout on the output of the last layer"


@pytest.mark.parametrize("backend", ANY_DTYPE)
@pytest.mark.parametrize("packed", [False, True])
def test_bfloat16_under_autocast_keeps_the_cell_state_in_float32(backend: str, packed: bool) -> None:
    torch.manual_seed(0)
    layer = BiLSTM(8, 16, 2, backend=backend)
    x: Tensor | PackedSequence = torch.randn(12, 3, 8)
    if packed:
        x = pack_padded_sequence(x, [12, 7, 2])
    exact, (_, c_exact) = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, (h_n, c_n) = layer(x)
        if packed:
            exact, output = exact.data, output.data
        dtype = torch.float32 if packed else torch.bfloat16  # as torch.nn.LSTM on a CPU
        assert output.dtype == h_n.dtype == c_n.dtype == dtype
        gradients = torch.autograd.grad(output.float().square().sum() + c_n.float().sum(), layer.parameters())
    torch.testing.assert_close(output.float(), exact, rtol=0.02, atol=0.02)
    torch.testing.assert_close(c_n.float(), c_exact, rtol=0.02, atol=0.03)
    expected = torch.autograd.grad(exact.square().sum() + c_exact.sum(), layer.parameters())
    for mine, theirs in zip(gradients, expected, strict=True):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, theirs, rtol=0.05, atol=0.05 * float(theirs.abs().max()))


def test_copies_and_pickles() -> None:
    layer = BiLSTM(3, 4, 2, dropout=0.1).eval()
    x = torch.randn(5, 2, 3)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(x)[0], layer(x)[0])
        assert not any(
            mine is theirs for mine, theirs in zip(twin.parameters(), layer.parameters(), strict=True)
        )


def test_is_bidirectional_by_default_and_shows_what_is_not_default() -> None:
    assert repr(BiLSTM(3, 4)) == "BiLSTM(3, 4)"
    layer = BiLSTM(3, 4, 2, False, True, 0.5, False, backend="reference")
    expected = (
        "3, 4, num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=False, "
        "backend='reference'"
    )
    assert layer.extra_repr() == expected
    assert BiLSTM(3, 4).bidirectional
    layer.flatten_parameters()


def dropping_layer(backend: str = "auto", cell: str = "lstm", weight_drop: float = 0.5) -> BiLSTM:
    torch.manual_seed(0)
    return BiLSTM(3, 8, num_layers=2, backend=backend, cell=cell, weight_drop=weight_drop)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_weight_drop_drops_numbers_of_weight_hh_alone(backend: str, cell: str) -> None:
    dropping, plain = dropping_layer(backend, cell), dropping_layer(backend, cell, weight_drop=0.0)
    steps = torch.rand(5, 4, 3)
    torch.manual_seed(1)
    output, _ = dropping(steps)
    output.sum().backward()
    torch.manual_seed(1)
    with torch.no_grad():
        for names in (names for both in dropping._names for names in both):
            weight = getattr(plain, names["weight_hh"])
            weight.copy_(torch.nn.functional.dropout(weight, 0.5))
    expected, _ = plain(steps)
    assert torch.equal(output, expected)
    gradient = dropping.weight_hh_l0.grad
    assert gradient is not None
    assert torch.equal(gradient == 0, plain.weight_hh_l0 == 0)


def test_weight_drop_does_nothing_in_evaluation() -> None:
    steps = torch.rand(5, 4, 3)
    assert torch.equal(dropping_layer().eval()(steps)[0], dropping_layer(weight_drop=0.0).eval()(steps)[0])


def test_weight_drop_is_named_where_it_is_set() -> None:
    assert "weight_drop=0.5" in repr(dropping_layer())
    assert "weight_drop" not in repr(dropping_layer(weight_drop=0.0))


@pytest.mark.parametrize(
    ("cell", "weight_drop", "message"),
    [
        ("mingru", 0.1, r"^weight_drop must be 0 with cell='mingru', which has no weight_hh to drop"),
        ("lstm", 1.5, r"^weight_drop must be a number from 0 to 1, the probability of zeroing"),
    ],
)
def test_what_cannot_be_dropped_is_refused(cell: str, weight_drop: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dropping_layer(cell=cell, weight_drop=weight_drop)

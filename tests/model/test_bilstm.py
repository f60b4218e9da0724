"""What a bidirectional LSTM must get right: directions, layers, states, dropout, precision, copies."""

import copy
import pickle

import pytest
import torch
from cpu_backends import ANY_DTYPE, CPU_BACKENDS
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence

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


def test_backward_direction_runs_from_each_sequences_own_end() -> None:
    layer = BiLSTM(3, 4, dtype=torch.float64)
    sequences = [torch.randn(length, 3, dtype=torch.float64) for length in (5, 2, 3)]
    packed, (h_n, _) = layer(pack_sequence(sequences, enforce_sorted=False))
    output, _ = pad_packed_sequence(packed)
    for row, sequence in enumerate(sequences):
        alone, (h_alone, _) = layer(sequence)
        torch.testing.assert_close(output[: len(sequence), row], alone)
        torch.testing.assert_close(h_n[:, row], h_alone)
        assert not output[len(sequence) :, row].any()


def test_layer_two_sees_both_directions_of_layer_one() -> None:
    layer = BiLSTM(3, 4, 2)
    assert layer.weight_ih_l1.shape == (16, 8)
    x = torch.randn(6, 2, 3)
    before, _ = layer(x)
    with torch.no_grad():
        layer.weight_hh_l0_reverse.mul_(-2)
    after, _ = layer(x)
    assert (before[..., :4] != after[..., :4]).all()


def test_h_n_is_in_torchs_order_and_equals_the_output_only_where_it_should() -> None:
    torch.manual_seed(0)
    layer = BiLSTM(3, 4, 3)
    x = torch.randn(6, 2, 3)
    output, (h_n, c_n) = layer(x)
    assert h_n.shape == c_n.shape == (6, 2, 4)
    below = x
    for index in range(3):
        single = BiLSTM(below.size(-1), 4)
        own = {
            name.replace(f"_l{index}", "_l0"): weight
            for name, weight in layer.state_dict().items()
            if f"_l{index}" in name
        }
        single.load_state_dict(own)
        below, (h_single, c_single) = single(below)
        torch.testing.assert_close(h_n[2 * index : 2 * index + 2], h_single)
        torch.testing.assert_close(c_n[2 * index : 2 * index + 2], c_single)
    assert torch.equal(output[-1, :, :4], h_n[4])  # last layer, forward: ends at the last step
    assert torch.equal(output[0, :, 4:], h_n[5])  # last layer, backward: ends at the first
    assert not torch.isclose(output[-1, :, 4:], h_n[5]).any()
    for row in range(4):
        assert not torch.isclose(output[-1, :, :4], h_n[row]).all()


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


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_an_empty_batch_gives_empty_results(backend: str) -> None:
    output, (h_n, c_n) = BiLSTM(3, 4, backend=backend)(torch.randn(5, 0, 3))
    assert output.shape == (5, 0, 8)
    assert h_n.shape == c_n.shape == (2, 0, 4)


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

"""BiLSTM against torch.nn.LSTM: outputs, final states and all gradients, for every form of input."""

import copy
import pickle
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence

from seqtrain.model import BiLSTM
from seqtrain.recurrence import BACKENDS

CPU_BACKENDS = [backend for backend in BACKENDS if backend != "triton"]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


@dataclass(frozen=True)
class Case:
    """One drawn layer and the form of its input."""

    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    bidirectional: bool
    lengths: tuple[int, ...]
    form: str
    with_state: bool
    dtype: torch.dtype

    def layer(self, kind: type[nn.Module], **more: object) -> nn.Module:
        torch.manual_seed(7)
        layer = kind(
            self.input_size,
            self.hidden_size,
            self.num_layers,
            self.bias,
            self.batch_first,
            bidirectional=self.bidirectional,
            **more,
        )
        return layer.to(self.dtype)

    def tensors(self) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """Input (B, T, I), T first where the layer wants it, and states."""
        generator = torch.Generator().manual_seed(11)
        batch_size, length = len(self.lengths), max(self.lengths)
        shape = (batch_size, length) if self.batch_first else (length, batch_size)
        x = torch.randn(*shape, self.input_size, dtype=self.dtype, generator=generator)
        rows = self.num_layers * (1 + self.bidirectional)
        states = torch.randn(2, rows, batch_size, self.hidden_size, dtype=self.dtype, generator=generator)
        if self.form == "unbatched":
            x, states = x.select(0 if self.batch_first else 1, 0), states[:, :, 0]
        return x, (states[0], states[1]) if self.with_state else None


cases = st.builds(
    Case,
    input_size=st.integers(1, 5),
    hidden_size=st.sampled_from([1, 2, 3, 7, 8]),
    num_layers=st.integers(1, 3),
    bias=st.booleans(),
    batch_first=st.booleans(),
    bidirectional=st.booleans(),
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5).map(tuple),
    form=st.sampled_from(["padded", "unbatched", "packed", "packed sorted"]),
    with_state=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)


def run(layer: nn.Module, case: Case) -> list[Tensor]:
    """Outputs, final states and the gradients of a loss in which every one of them has its own weight."""
    x, hx = case.tensors()
    x.requires_grad_()
    leaves = [x, *layer.parameters()]
    if hx is not None:
        leaves += [state.requires_grad_() for state in hx]
    packed = case.form.startswith("packed")
    lengths = sorted(case.lengths, reverse=True) if case.form == "packed sorted" else case.lengths
    given_input: Tensor | PackedSequence = x
    if packed:
        in_order = case.form == "packed sorted"
        given_input = pack_padded_sequence(x, lengths, case.batch_first, enforce_sorted=in_order)
    output, (h_n, c_n) = layer(given_input, hx)
    if packed:
        assert isinstance(output, PackedSequence)
        for mine, theirs in zip(output[1:], given_input[1:], strict=True):
            assert mine is theirs
        output = output.data
    values = [output, h_n, c_n]
    generator = torch.Generator().manual_seed(13)
    loss = sum((value * torch.randn(value.shape, generator=generator)).sum() for value in values)
    return [*values, *torch.autograd.grad(loss, leaves)]


def assert_equal(mine: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(mine) == len(theirs)
    for left, right in zip(mine, theirs, strict=True):
        tolerance = TOLERANCE[right.dtype]
        torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(case=cases)
def test_equals_torch(backend: str, case: Case) -> None:
    mine = run(case.layer(BiLSTM, backend=backend), case)
    theirs = run(case.layer(nn.LSTM), case)
    assert_equal(mine, theirs)


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
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("lengths", [(3, 3), (3, 1), (1,), (1, 1)])
def test_gradients_of_first_and_second_order(backend: str, num_layers: int, lengths: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer = BiLSTM(2, 3, num_layers, backend=backend, dtype=torch.float64)
    names = [name for name, _ in layer.named_parameters()]
    x = torch.randn(sum(lengths), 2, dtype=torch.float64)
    sizes = torch.tensor([sum(length > step for length in lengths) for step in range(max(lengths))])
    h_0, c_0 = torch.randn(2, 2 * num_layers, len(lengths), 3, dtype=torch.float64)

    def function(x: Tensor, h_0: Tensor, c_0: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        packed = PackedSequence(x, sizes)
        parameters = dict(zip(names, weights, strict=True))
        output, state = torch.func.functional_call(layer, parameters, (packed, (h_0, c_0)))
        return (output.data, *state)

    inputs = [x, h_0, c_0, *layer.parameters()]
    inputs = [tensor.detach().requires_grad_() for tensor in inputs]
    assert torch.autograd.gradcheck(function, inputs, fast_mode=num_layers > 1)
    assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_only_the_wanted_gradients(backend: str) -> None:
    layer = BiLSTM(3, 4, 2, backend=backend)
    reference = nn.LSTM(3, 4, 2, bidirectional=True)
    reference.load_state_dict(layer.state_dict())
    x = torch.randn(5, 2, 3)
    for name in dict(layer.named_parameters()):
        grads = []
        for module in (layer, reference):
            module.requires_grad_(False)
            weight = module.get_parameter(name).requires_grad_()
            output, (_, c_n) = module(x)
            grads.append(torch.autograd.grad(output.square().sum() + c_n.sum(), weight)[0])
        torch.testing.assert_close(*grads, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_backward_works_in_eval_mode_and_repeats_bit_by_bit(backend: str) -> None:
    case = Case(5, 7, 2, True, False, True, (9, 9, 4, 1), "packed", True, torch.float32)
    layer = case.layer(BiLSTM, backend=backend).eval()
    for first, second in zip(run(layer, case), run(layer, case), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
@pytest.mark.parametrize("lengths", [(1,), (1, 1, 1), (60, 1, 1, 1), (40,), (17, 17)])
@pytest.mark.parametrize("hidden_size", [1, 13])
def test_odd_sizes(backend: str, lengths: tuple[int, ...], hidden_size: int) -> None:
    case = Case(3, hidden_size, 2, True, True, True, lengths, "packed", True, torch.float64)
    assert_equal(run(case.layer(BiLSTM, backend=backend), case), run(case.layer(nn.LSTM), case))


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_an_empty_batch_gives_empty_results(backend: str) -> None:
    output, (h_n, c_n) = BiLSTM(3, 4, backend=backend)(torch.randn(5, 0, 3))
    assert output.shape == (5, 0, 8)
    assert h_n.shape == c_n.shape == (2, 0, 4)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
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
        assert output.dtype == h_n.dtype == c_n.dtype == torch.bfloat16
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
    layer = BiLSTM(3, 4, 2, False, True, 0.5, False, "reference")
    expected = (
        "3, 4, num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=False, "
        "backend='reference'"
    )
    assert layer.extra_repr() == expected
    assert BiLSTM(3, 4).bidirectional
    layer.flatten_parameters()

"""BiLSTM against torch.nn.LSTM: outputs, final states and all gradients, for every form of input."""

from dataclasses import dataclass, replace

import pytest
import torch
from cpu_backends import ANY_DTYPE, CPU_BACKENDS
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from seqtrain.model import BiLSTM

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
    if backend == "native":
        case = replace(case, dtype=torch.float32)
    mine = run(case.layer(BiLSTM, backend=backend), case)
    theirs = run(case.layer(nn.LSTM), case)
    assert_equal(mine, theirs)


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
    dtype = torch.float32 if backend == "native" else torch.float64
    case = Case(3, hidden_size, 2, True, True, True, lengths, "packed", True, dtype)
    assert_equal(run(case.layer(BiLSTM, backend=backend), case), run(case.layer(nn.LSTM), case))


@pytest.mark.parametrize("backend", ANY_DTYPE)
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

"""Every cell against a loop written out here, against torch where it has the cell, and gradcheck."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS

Weights = dict[str, Tensor]
Step = Callable[[Tensor, Tensor, Tensor, Weights], tuple[Tensor, Tensor]]


def lstm(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    i, f, g, o = (w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]).chunk(4)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def lstm_layernorm(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    size = h.shape
    rows = (4 * h.numel(),)
    gates = F.layer_norm(w["weight_ih"] @ x, rows, w["weight_norm_ih"], w["bias_ih"])
    gates = gates + F.layer_norm(w["weight_hh"] @ h, rows, w["weight_norm_hh"], w["bias_hh"])
    i, f, g, o = gates.chunk(4)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(F.layer_norm(c, size, w["weight_norm_c"], w["bias_norm_c"])), c


def lstm_peephole(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    peep_i, peep_f, peep_o = w["weight_ch"].chunk(3)
    i, f, g, o = (w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]).chunk(4)
    new = torch.sigmoid(f + peep_f * c) * c + torch.sigmoid(i + peep_i * c) * torch.tanh(g)
    return torch.sigmoid(o + peep_o * new) * torch.tanh(new), new


def lstm_coupled(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    f, g, o = (w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]).chunk(3)
    f = torch.sigmoid(f)
    c = f * c + (1 - f) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    x_r, x_z, x_n = (w["weight_ih"] @ x + w["bias_ih"]).chunk(3)
    h_r, h_z, h_n = (w["weight_hh"] @ h + w["bias_hh"]).chunk(3)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    return (1 - z) * torch.tanh(x_n + r * h_n) + z * h, c


STEPS: dict[str, Step] = {
    "lstm": lstm,
    "lstm_layernorm": lstm_layernorm,
    "lstm_peephole": lstm_peephole,
    "lstm_coupled": lstm_coupled,
    "gru": gru,
}
LENGTHS = (4, 2, 3)


def plain_loop(layer: BiLSTM, sequences: list[Tensor]) -> tuple[list[Tensor], Tensor, Tensor]:
    """Outputs of each sequence (T, 2H), and final h and c (2, B, H): one sequence and direction at a time."""
    outputs: list[list[Tensor]] = []
    finals: list[list[tuple[Tensor, Tensor]]] = []
    for suffix in ("", "_reverse"):
        weights = {
            name.removesuffix(f"_l0{suffix}"): weight
            for name, weight in layer.named_parameters()
            if name.endswith(f"_l0{suffix}")
        }
        outputs.append([])
        finals.append([])
        for sequence in sequences:
            h = c = sequence.new_zeros(layer.hidden_size)
            steps = []
            for x in sequence.flip(0) if suffix else sequence:
                h, c = STEPS[layer.cell](x, h, c, weights)
                steps.append(h)
            outputs[-1].append(torch.stack(steps[::-1] if suffix else steps))
            finals[-1].append((h, c))
    joined = [torch.cat(pair, dim=-1) for pair in zip(*outputs, strict=True)]
    h_n, c_n = (torch.stack([torch.stack([f[k] for f in final]) for final in finals]) for k in range(2))
    return joined, h_n, c_n


def test_every_cell_has_a_loop_here() -> None:
    assert list(STEPS) == list(CELLS)


@pytest.mark.parametrize("cell", CELLS)
def test_equals_a_plain_loop(cell: str) -> None:
    torch.manual_seed(0)
    layer = BiLSTM(3, 5, cell=cell, dtype=torch.float64)
    with torch.no_grad():  # so that gains and offsets of normalisations are not one and zero
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    sequences = [torch.randn(length, 3, dtype=torch.float64) for length in LENGTHS]

    expected, h_n, c_n = plain_loop(layer, sequences)
    output, state = layer(pack_sequence(sequences, enforce_sorted=False))
    packed = pack_sequence(expected, enforce_sorted=False)
    mine = [output.data, *(state if isinstance(state, tuple) else (state,))]
    theirs = [packed.data, h_n, c_n][: len(mine)]
    for left, right in zip(mine, theirs, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)

    gradients = [
        torch.autograd.grad(sum(value.square().sum() for value in values), layer.parameters())
        for values in (mine, theirs)
    ]
    for left, right in zip(*gradients, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_first_and_second_order(cell: str, bias: bool) -> None:
    torch.manual_seed(0)
    layer = BiLSTM(2, 3, bias=bias, cell=cell, dtype=torch.float64)
    names = [name for name, _ in layer.named_parameters()]
    sizes = torch.tensor([2, 1])

    def function(x: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        parameters = dict(zip(names, weights, strict=True))
        output, state = torch.func.functional_call(layer, parameters, (PackedSequence(x, sizes),))
        return (output.data, *(state if isinstance(state, tuple) else (state,)))

    inputs = [torch.randn(3, 2, dtype=torch.float64), *layer.parameters()]
    inputs = [tensor.detach().requires_grad_() for tensor in inputs]
    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_gru_is_a_drop_in_for_torchs(packed: bool, bias: bool) -> None:
    torch.manual_seed(3)
    theirs = nn.GRU(3, 5, 2, bias=bias, bidirectional=True, dtype=torch.float64)
    torch.manual_seed(3)
    mine = BiLSTM(3, 5, 2, bias=bias, cell="gru", dtype=torch.float64)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for name, weight in theirs.state_dict().items():
        assert torch.equal(mine.state_dict()[name], weight), name
    nn.GRU(3, 5, 2, bias=bias, bidirectional=True).load_state_dict(mine.state_dict())

    x = pack_sequence([torch.randn(n, 3, dtype=torch.float64) for n in LENGTHS], enforce_sorted=False)
    given = x if packed else torch.randn(4, 3, 3, dtype=torch.float64)
    h_0 = torch.randn(4, 3, 5, dtype=torch.float64, requires_grad=True)
    results = []
    for layer in (mine, theirs):
        output, h_n = layer(given, h_0)
        output = output.data if packed else output
        loss = output.square().sum() + h_n.pow(3).sum()
        results.append([output, h_n, *torch.autograd.grad(loss, [h_0, *layer.parameters()])])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)


def test_gru_takes_one_state() -> None:
    layer = BiLSTM(3, 4, cell="gru")
    x = torch.zeros(2, 1, 3)
    h_0 = torch.zeros(2, 1, 4)
    with pytest.raises(RuntimeError, match=r"^hx must be the tensor h_0, \(2, 1, 4\), got: a tuple of 2 "):
        layer(x, (h_0, h_0))
    output, h_n = layer(x[:, 0], h_0[:, 0])
    assert output.shape == (2, 8)
    assert h_n.shape == (2, 4)


@pytest.mark.parametrize("cell", CELLS)
def test_bfloat16_under_autocast(cell: str) -> None:
    torch.manual_seed(0)
    layer = BiLSTM(8, 16, cell=cell)
    x = torch.randn(12, 3, 8)
    exact, _ = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _ = layer(x)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), exact, rtol=0.05, atol=0.1)
    output.float().sum().backward()


def test_gains_start_at_one_and_offsets_at_zero() -> None:
    layer = BiLSTM(3, 4, cell="lstm_layernorm")
    assert (layer.weight_norm_hh_l0_reverse == 1).all()
    assert (layer.bias_norm_c_l0 == 0).all()
    assert layer.weight_hh_l0.abs().max() <= 0.5

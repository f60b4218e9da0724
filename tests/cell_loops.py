"""A bidirectional layer as a plain loop over single steps, which the cells' tests write out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from seqtrain.model import BiLSTM

Weights = Mapping[str, Tensor]
# x, h, c, weights to h, c; a cell without c returns the one that it was given
Step = Callable[[Tensor, Tensor, Tensor, Weights], tuple[Tensor, Tensor]]
LENGTHS = (4, 2, 3)


def check_against_loop(cell: str, step: Step) -> None:
    """Compare output, final states and gradients of a layer with those of a loop over `step`."""
    torch.manual_seed(0)
    layer = BiLSTM(3, 5, cell=cell, dtype=torch.float64)
    with torch.no_grad():  # so that gains and offsets of normalisations are not one and zero
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    sequences = [torch.randn(length, 3, dtype=torch.float64) for length in LENGTHS]

    expected, h_n, c_n = _run_loop(layer, step, sequences)
    output, state = layer(pack_sequence(sequences, enforce_sorted=False))
    packed = pack_sequence(expected, enforce_sorted=False)
    mine = [output.data, *(state if isinstance(state, tuple) else (state,))]
    theirs = [packed.data, h_n, c_n][: len(mine)]
    _assert_close(mine, theirs)
    _assert_close(*(_differentiate(values, layer) for values in (mine, theirs)))


def check_gradients(cell: str, bias: bool) -> None:
    """Compare gradients of first and second order with differences of the function."""
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


def _run_loop(layer: BiLSTM, step: Step, sequences: list[Tensor]) -> tuple[list[Tensor], Tensor, Tensor]:
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
                h, c = step(x, h, c, weights)
                steps.append(h)
            outputs[-1].append(torch.stack(steps[::-1] if suffix else steps))
            finals[-1].append((h, c))
    joined = [torch.cat(pair, dim=-1) for pair in zip(*outputs, strict=True)]
    h_n, c_n = (torch.stack([torch.stack([f[k] for f in final]) for final in finals]) for k in range(2))
    return joined, h_n, c_n


def _differentiate(values: list[Tensor], layer: BiLSTM) -> tuple[Tensor, ...]:
    return torch.autograd.grad(sum(value.square().sum() for value in values), layer.parameters())


def _assert_close(mine, theirs) -> None:
    for left, right in zip(mine, theirs, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)

"""A layer of ours beside torch's own, with the same weights."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence


def compare(mine: nn.Module, theirs: nn.Module, x: Tensor, lengths: list[int] | None) -> None:
    """Compare outputs, final states and gradients in float64, on padded input or packed by `lengths`."""
    theirs.load_state_dict(mine.state_dict())
    given = x if lengths is None else pack_padded_sequence(x, lengths)
    results = []
    for layer in (mine, theirs):
        output, state = layer(given)
        output = output if lengths is None else output.data
        states = state if isinstance(state, tuple) else (state,)
        results.append([output, *states, *torch.autograd.grad(output.square().sum(), layer.parameters())])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)

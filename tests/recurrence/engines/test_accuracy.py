"""Results in float32 against float64, for signals of every scale."""

import pytest
import torch
from torch import Tensor, nn

from seqtrain.model import BiLSTM


@pytest.mark.parametrize("scale", [1e-2, 1e-4, 1e-6, 1e-8, 1e-20])
@pytest.mark.parametrize("batch_size", [1, 70])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_small_signals_keep_their_relative_precision(cell: str, batch_size: int, scale: float) -> None:
    torch.manual_seed(0)
    kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
    exact = kind(20, 32, bidirectional=True, bias=False, dtype=torch.float64)
    layers = [kind(20, 32, bidirectional=True, bias=False), BiLSTM(20, 32, bias=False, cell=cell)]
    x = scale * torch.randn(12, batch_size, 20)
    truth = differentiate(exact, x.double())
    torchs, ours = [], []
    for layer, errors in zip(layers, (torchs, ours), strict=True):
        layer.load_state_dict(exact.state_dict())
        for value, expected in zip(differentiate(layer, x), truth, strict=True):
            errors.append(float((value.double() - expected).norm() / expected.norm()))
        with torch.no_grad():
            errors.append(float((layer(x)[0].double() - truth[0]).norm() / truth[0].norm()))
    assert max(ours) < 2 * max(torchs) + 1e-7


def differentiate(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """The output, and the gradients of its sum by the input and by all weights."""
    x = x.clone().requires_grad_()
    output, _ = layer(x)
    return [output.detach(), *torch.autograd.grad(output.sum(), [x, *layer.parameters()])]

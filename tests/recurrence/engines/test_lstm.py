"""The precision of the hand-written LSTM."""

import torch
from torch import nn

from seqtrain.model import BiLSTM


def test_errors_in_float32_are_of_the_size_of_torchs() -> None:
    """tanh as 2 sigmoid(2x) - 1 rounds differently; against float64 that costs nothing."""
    torch.manual_seed(0)
    exact = nn.LSTM(16, 32, bidirectional=True, dtype=torch.float64)
    x = torch.randn(60, 8, 16, dtype=torch.float64)
    results = []
    for layer in (exact, BiLSTM(16, 32), nn.LSTM(16, 32, bidirectional=True)):
        layer.load_state_dict(exact.state_dict())
        output, _ = layer(x.to(layer.weight_ih_l0.dtype))
        gradients = torch.autograd.grad(output.square().sum(), layer.parameters())
        results.append([output.detach().double(), *(gradient.double() for gradient in gradients)])
    errors = [
        max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(result, results[0], strict=True))
        for result in results[1:]
    ]
    assert errors[0] < 2 * errors[1] + 1e-7, errors

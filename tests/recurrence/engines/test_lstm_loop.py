"""The LSTM's time loops over long sequences."""

import torch
from torch import nn

from seqtrain.model import BiLSTM


def test_long_sequences_train_in_memory_that_grows_by_the_step_alone() -> None:
    layer = BiLSTM(4, 16, backend="eager")
    saved: dict[int, int] = {}

    def count(length: int) -> int:
        storages: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            output, _ = layer(torch.randn(length, 2, 4))
        output.square().sum().backward()
        return sum(storages.values())

    for length in (1000, 2000, 4000):
        saved[length] = count(length)
    assert saved[4000] - saved[2000] == 2 * (saved[2000] - saved[1000])
    floats_per_row = (saved[4000] - saved[2000]) / (2000 * 2) / 4
    assert floats_per_row <= 4 + 2 * 8 * 16, "input, output, and gates, h and c of both directions"


def test_long_sequences_are_exact() -> None:
    torch.manual_seed(0)
    mine = BiLSTM(2, 5, backend="eager", dtype=torch.float64)
    theirs = nn.LSTM(2, 5, bidirectional=True, dtype=torch.float64)
    theirs.load_state_dict(mine.state_dict())
    x = torch.randn(4000, 1, 2, dtype=torch.float64)
    results = []
    for layer in (mine, theirs):
        output, _ = layer(x)
        results.append([output, *torch.autograd.grad(output.square().sum(), layer.parameters())])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)

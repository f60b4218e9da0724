"""The hand-written GRU against the cell under autograd."""

import pytest
import torch

from seqtrain.recurrence import CELLS, PackedWalk
from seqtrain.recurrence.engines.eager import eager_layer
from seqtrain.recurrence.engines.reference import reference_layer

BATCH_SIZES = (3, 3, 2, 1)


@pytest.mark.parametrize("hidden_size", [5, 600], ids=["torch.tanh", "tanh from expm1"])
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_those_of_the_reference_engine(hidden_size: int, bias: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    cell, walk = CELLS["gru"], PackedWalk(BATCH_SIZES, torch.device("cpu"))

    def draw(*shape: int) -> torch.Tensor:
        tensor = torch.randn(shape, generator=generator, dtype=torch.float64)
        return (tensor / hidden_size**0.5).requires_grad_()

    x, h_0 = draw(walk.num_rows, 4), draw(2, 3, hidden_size)
    shapes = cell.shapes(4, hidden_size, bias)
    weights = [{name: draw(*shape) for name, shape in shapes.items()} for _ in range(2)]
    leaves = [x, h_0, *(weight for named in weights for weight in named.values())]
    results = []
    for run in (eager_layer, reference_layer):
        output, (h_n,) = run(cell, x, weights, (h_0,), walk)
        loss = output.square().sum() + h_n.pow(3).sum()
        results.append([output, h_n, *torch.autograd.grad(loss, leaves)])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-12)

"""One layer of a hand-written cell, in both passes."""

import pytest
import torch
from torch import nn

from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS
from seqtrain.recurrence.engines import handwritten_layer
from seqtrain.recurrence.engines.handwritten_layer import HandWrittenLayer, Inputs
from seqtrain.recurrence.engines.lstm import HandWrittenLSTM
from seqtrain.recurrence.walk import PackedWalk


@pytest.mark.parametrize("packed", [False, True])
def test_backward_twice_through_a_retained_graph(packed: bool) -> None:
    torch.manual_seed(0)
    layer = BiLSTM(3, 5, 2, backend="eager", dtype=torch.float64)
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    given = nn.utils.rnn.pack_padded_sequence(x, [7, 4]) if packed else x
    output, (_, c_n) = layer(given)
    loss = (output.data if packed else output).square().sum() + c_n.sum()
    first = torch.autograd.grad(loss, layer.parameters(), retain_graph=True)
    second_order = torch.autograd.grad(loss, layer.parameters(), create_graph=True)
    third = torch.autograd.grad(loss, layer.parameters())
    for one, two, three in zip(first, second_order, third, strict=True):
        assert torch.equal(one, three)
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("backend", ["reference", "eager"])
def test_gradients_share_no_memory(cell: str, backend: str) -> None:
    torch.manual_seed(0)
    layer, x = BiLSTM(3, 5, 2, cell=cell, backend=backend), torch.randn(7, 2, 3)
    once = torch.autograd.grad(layer(x)[0].sum(), layer.parameters())
    for _ in range(2):
        layer(x)[0].sum().backward()
    for parameter, gradient in zip(layer.parameters(), once, strict=True):
        assert parameter.grad.is_contiguous()
        torch.testing.assert_close(parameter.grad, 2 * gradient)
    for parameter in layer.parameters():
        parameter.grad.mul_(2)
    for parameter, gradient in zip(layer.parameters(), once, strict=True):
        torch.testing.assert_close(parameter.grad, 4 * gradient)


@pytest.mark.parametrize(
    ("hidden_size", "batch_size", "num_groups"),
    [(8, 4, 1), (256, 128, 1), (256, 129, 2), (257, 64, 2), (512, 1, 1)],
)
def test_directions_whose_steps_fill_the_cache_walk_alone(
    hidden_size: int, batch_size: int, num_groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handwritten_layer, "prefers_onednn", lambda _, size: size > 1 << 20)
    weight = {"weight_hh": torch.empty(4 * hidden_size, hidden_size)}
    inputs = Inputs(torch.empty(batch_size, 3), (), [weight, weight])
    walk = PackedWalk([batch_size], torch.device("cpu"))
    assert len(HandWrittenLayer.on(HandWrittenLSTM(), inputs, walk).groups) == num_groups

"""One layer of a hand-written cell, in both passes."""

import pytest
import torch
from torch import nn

from seqtrain.model import BiLSTM
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


def test_gradients_share_no_memory() -> None:
    layer = BiLSTM(3, 5, 2, backend="eager")
    layer(torch.randn(7, 2, 3))[0].sum().backward()
    gradients = [parameter.grad for parameter in layer.parameters()]
    assert all(gradient.is_contiguous() for gradient in gradients)
    before = gradients[0].clone()
    for gradient in gradients[1:]:
        gradient.zero_()
    assert torch.equal(gradients[0], before)
    layer.zero_grad(set_to_none=True)
    layer(torch.randn(7, 2, 3))[0].sum().backward()
    layer.bias_ih_l0.grad.zero_()
    assert layer.bias_hh_l0.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("hidden_size", "batch_size", "num_groups"), [(8, 4, 1), (256, 128, 1), (256, 129, 2), (257, 64, 2)]
)
def test_directions_whose_steps_fill_the_cache_walk_alone(
    hidden_size: int, batch_size: int, num_groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handwritten_layer, "prefers_onednn", lambda _, size: size > 1 << 20)
    weight = {"weight_hh": torch.empty(4 * hidden_size, hidden_size)}
    inputs = Inputs(torch.empty(batch_size, 3), (), [weight, weight])
    walk = PackedWalk([batch_size], torch.device("cpu"))
    assert len(HandWrittenLayer.on(HandWrittenLSTM(), inputs, walk).groups) == num_groups

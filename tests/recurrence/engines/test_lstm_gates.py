"""Both ways to lay out the gates of a step hold the same pre-activations."""

from functools import partial

import pytest
import torch
from torch import Tensor

from seqtrain.recurrence import PackedWalk
from seqtrain.recurrence.engines.inference import DirectionBlocks
from seqtrain.recurrence.engines.lstm_gates import Gates, GatesApart, GatesTogether, choose_gates
from seqtrain.recurrence.engines.products import MIN_SIZE, multiply

D, B, INPUTS, H = 2, 3, 5, 4


def build(apart: bool, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor | None) -> Gates:
    if apart:
        return GatesApart(weight_ih, [partial(multiply, weight=weight) for weight in weight_hh], bias)
    return GatesTogether(weight_ih, weight_hh.mT, bias)


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("sizes", [[3, 3, 2], [3, 3, 3]], ids=["packed", "padded"])
@pytest.mark.parametrize("with_bias", [True, False])
def test_fill_adds_what_comes_from_the_input_and_from_the_state(
    apart: bool, with_bias: bool, sizes: list[int]
) -> None:
    torch.manual_seed(0)
    weight_ih, weight_hh = torch.randn(D, 4 * H, INPUTS), torch.randn(D, 4 * H, H)
    bias = torch.randn(D, 4 * H) if with_bias else None
    rows, h = torch.randn(D, sum(sizes), INPUTS), torch.randn(D, B, H)
    blocks = DirectionBlocks(rows[0], torch.empty(0), D, PackedWalk(sizes, rows.device))
    rows[1] = blocks.walk.reverse(rows[0])
    gates = build(apart, weight_ih, weight_hh, bias)
    start = 0
    for size, x in zip(sizes, gates.project(blocks, 0, len(sizes), sizes), strict=True):
        parts = gates.resize(h[:, :size])
        gates.fill(x, h[:, :size])
        expected = rows[:, start : start + size] @ weight_ih.mT + h[:, :size] @ weight_hh.mT
        if bias is not None:
            expected += bias.unsqueeze(1)
        torch.testing.assert_close(torch.cat(list(parts), dim=-1), expected)
        start += size


@pytest.mark.parametrize("apart", [True, False])
def test_sigmoids_reach_every_number_of_i_f_and_o_once(apart: bool) -> None:
    gates = build(apart, torch.zeros(D, 4 * H, INPUTS), torch.zeros(D, 4 * H, H), None)
    i, f, _, o = gates.resize(torch.zeros(D, B, H))
    for part in (i, f, o):
        part.zero_()
    for part in gates.sigmoids:
        part.add_(1)
    for part in (i, f, o):
        assert torch.equal(part, torch.ones(D, B, H))


def test_large_steps_use_one_product_per_direction() -> None:
    def choose(hidden_size: int, batch_size: int) -> object:
        weight = torch.zeros(D, 4 * hidden_size, hidden_size)
        return choose_gates(weight, weight, None, batch_size, num_steps=1)

    assert isinstance(choose(4, 1), GatesTogether)
    assert isinstance(choose(256, 8 * torch.get_num_threads()), GatesApart)
    assert MIN_SIZE < 4 * 256 * 256 * 8

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from seqtrain.analysis.gates import MAX_MEMORY, gate_statistics, memory_lengths
from seqtrain.model import BiLSTM
from seqtrain.recurrence.trace import trace

LENGTHS = torch.tensor([5, 2, 7])


def features() -> torch.Tensor:
    return torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0)) * 3


def lstm_gates(rnn: nn.LSTM, sequence: torch.Tensor) -> dict[str, torch.Tensor]:
    """The gates of one unpadded sequence (time, 4) by torch's equations, (time, hidden) each."""
    size, steps = rnn.hidden_size, []
    h = c = torch.zeros(size)
    for x in sequence:
        sums = rnn.weight_ih_l0 @ x + rnn.bias_ih_l0 + rnn.weight_hh_l0 @ h + rnn.bias_hh_l0
        i, f, g, o = sums.split(size)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * c + i * g
        h = o * c.tanh()
        steps.append({"input": i, "forget": f, "candidate": g, "output": o})
    return {name: torch.stack([step[name] for step in steps]) for name in steps[0]}


@torch.no_grad()
def test_an_lstms_gates_sequence_by_sequence() -> None:
    torch.manual_seed(0)
    rnn, x = nn.LSTM(4, 6), features()
    statistics = gate_statistics(trace(rnn, x, LENGTHS))
    each = [lstm_gates(rnn, sequence[:length]) for sequence, length in zip(x, LENGTHS, strict=True)]
    for name in ("input", "forget", "candidate", "output"):
        values = torch.cat([gates[name] for gates in each])
        low, high = (-0.8, 0.8) if name == "candidate" else (0.1, 0.9)
        place = f"layer0/forward/{name}"
        assert statistics[f"{place}/mean"] == pytest.approx(values.mean().item(), rel=1e-4, abs=1e-6)
        assert statistics[f"{place}/low"] == pytest.approx((values < low).float().mean().item())
        assert statistics[f"{place}/high"] == pytest.approx((values > high).float().mean().item())
    forget = torch.cat([gates["forget"] for gates in each])
    assert statistics["layer0/forward/memory/kept"] == pytest.approx(forget.mean().item(), rel=1e-4)
    lost = (forget < 0.1).float().mean().item()
    assert statistics["layer0/forward/memory/lost"] == pytest.approx(lost)
    lengths = -1 / forget.log().mean(dim=0)
    assert statistics["layer0/forward/memory/median"] == pytest.approx(lengths.median().item(), rel=1e-4)
    assert statistics["layer0/forward/memory/longest"] == pytest.approx(lengths.max().item(), rel=1e-4)


@pytest.mark.parametrize(
    "rnn", [nn.GRU(4, 6, 2, bidirectional=True), BiLSTM(4, 6, 2), BiLSTM(4, 6, cell="lstm_coupled")]
)
@torch.no_grad()
def test_padding_order_and_size_of_the_batch_change_nothing(rnn: nn.Module) -> None:
    x = features()
    whole = gate_statistics(trace(rnn, x, LENGTHS))
    padded = torch.cat((x, torch.full((3, 4, 4), 9.0)), dim=1)
    assert gate_statistics(trace(rnn, padded, LENGTHS)) == pytest.approx(whole, rel=1e-4, abs=1e-6)
    order = [2, 0, 1]
    assert gate_statistics(trace(rnn, x[order], LENGTHS[order])) == pytest.approx(whole, rel=1e-4, abs=1e-6)
    assert {tag.split("/")[1] for tag in whole} == {"forward", "backward"}


@torch.no_grad()
def test_a_plain_rnn_has_no_gates() -> None:
    assert gate_statistics(trace(nn.RNN(4, 6), features(), LENGTHS)) == {}


def test_a_memory_length_is_the_time_until_one_part_in_e_is_left() -> None:
    keeping = torch.tensor([[0.5, 0.9, 1.0, 0.0], [0.5, 0.9, 1.0, 0.5]])
    lengths = memory_lengths(keeping)
    assert lengths[0].item() == pytest.approx(1 / math.log(2))
    assert 0.9 ** lengths[1].item() == pytest.approx(1 / math.e)
    assert lengths[2].item() == pytest.approx(MAX_MEMORY)
    assert lengths[3].item() == 0.0

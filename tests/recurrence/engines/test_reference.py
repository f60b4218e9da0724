"""The readable engine, against torch and step by step."""

import pytest
import torch
from layer_pairs import compare
from torch import nn

from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS, PackedWalk
from seqtrain.recurrence.engines.reference import join_directions, run_steps


@pytest.mark.parametrize("packed", [False, True])
def test_equals_torchs_lstm(packed: bool) -> None:
    torch.manual_seed(0)
    mine = BiLSTM(3, 5, backend="reference", dtype=torch.float64)
    theirs = nn.LSTM(3, 5, bidirectional=True, dtype=torch.float64)
    compare(mine, theirs, torch.randn(7, 2, 3, dtype=torch.float64), [7, 4] if packed else None)


def test_sequences_leave_the_steps_when_they_end() -> None:
    cell, walk = CELLS["gru"], PackedWalk([3, 2, 2, 1], torch.device("cpu"))
    weights = {name: torch.randn(1, *shape) for name, shape in cell.shapes(2, 4, bias=True).items()}
    steps = run_steps(cell, torch.randn(8, 2), weights, (torch.zeros(1, 3, 4),), walk)
    assert [(tuple(h.shape), tuple(gates["update"].shape)) for (h,), gates in steps] == [
        ((1, size, 4),) * 2 for size in walk.batch_sizes
    ]


def test_directions_are_joined_in_the_order_of_the_forward_walk() -> None:
    walk = PackedWalk([2, 1], torch.device("cpu"))  # rows a0 b0 | a1; backwards a1 b0 | a0
    forward, backward = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[20.0], [10.0], [0.0]])
    assert join_directions(torch.stack([forward, backward]), walk).tolist() == [
        [0.0, 0.0],
        [1.0, 10.0],
        [2.0, 20.0],
    ]

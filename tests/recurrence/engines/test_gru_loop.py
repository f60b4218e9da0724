"""The GRU's time loops over long sequences."""

import pytest
import torch
from layer_pairs import compare
from torch import nn

from seqtrain.model import BiLSTM


@pytest.mark.parametrize("packed", [False, True])
def test_long_sequences_are_exact(packed: bool) -> None:
    torch.manual_seed(0)
    mine = BiLSTM(2, 5, cell="gru", backend="eager", dtype=torch.float64)
    theirs = nn.GRU(2, 5, bidirectional=True, dtype=torch.float64)
    compare(mine, theirs, torch.randn(1000, 2, 2, dtype=torch.float64), [1000, 3] if packed else None)

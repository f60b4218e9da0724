from __future__ import annotations

import pytest

from seqtrain.data.sources.splits import hold_out


@pytest.mark.parametrize(
    ("num_sequences", "offset", "chosen"),
    [
        (25, 0, [9, 19]),
        (25, 1, [8, 18]),
        (10, 0, [9]),
        (3, 0, [2]),
        (3, 1, [1]),
        (2, 1, [0]),
    ],
)
def test_every_tenth_sequence(num_sequences: int, offset: int, chosen: list[int]) -> None:
    mask = hold_out(num_sequences, offset)
    assert mask.shape == (num_sequences,)
    assert mask.nonzero().flatten().tolist() == chosen

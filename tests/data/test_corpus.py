from __future__ import annotations

import pytest

from seqtrain.data.corpus import Batching, hold_out


@pytest.mark.parametrize("name", ["batch_size", "max_tokens", "eval_batch_size", "epochs"])
def test_sizes_are_at_least_one(name: str) -> None:
    sizes = {"batch_size": 1, "max_tokens": 1, "eval_batch_size": 1, "epochs": 1}
    assert Batching(**sizes).min_steps == 0
    with pytest.raises(ValueError, match=f"^{name} must be at least 1, got 0$"):
        Batching(**(sizes | {name: 0}))


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

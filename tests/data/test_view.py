from __future__ import annotations

import numpy as np
import pytest
import torch

from seqtrain.data import encode_images
from seqtrain.data.view import VIEWS, View
from seqtrain.spec import DataSpec, SequenceClasses

IMAGES = torch.arange(12.0).view(2, 2, 3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rows", [[0, 1, 2], [3, 4, 5]]),
        ("columns", [[0, 3], [1, 4], [2, 5]]),
        ("pixels", [[0], [1], [2], [3], [4], [5]]),
        ("permuted", [[5], [2], [1], [3], [0], [4]]),
    ],
)
def test_what_is_a_step(name: str, expected: list[list[int]]) -> None:
    view = View(name, height=2, width=3)
    sequences = view(IMAGES)
    assert sequences[0].tolist() == expected
    assert torch.equal(sequences[1], sequences[0] + 6)
    assert sequences.shape[1:] == (view.num_steps, view.feature_size)


@pytest.mark.parametrize("name", VIEWS)
def test_sequences_back_to_images(name: str) -> None:
    view = View(name, height=2, width=3)
    assert torch.equal(view.to_images(view(IMAGES)), IMAGES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rows", [[0, 1, 2], [3, 4, 5]]),
        ("columns", [[0, 3], [1, 4], [2, 5]]),
        ("permuted", [[5], [2], [1], [3], [0], [4]]),
    ],
)
def test_the_pixels_of_each_step(name: str, expected: list[list[int]]) -> None:
    assert View(name, height=2, width=3).pixels_of_steps == expected


def test_the_permutation_of_28x28_never_changes() -> None:
    order = View("permuted", 28, 28)(torch.arange(784.0).view(1, 28, 28)).flatten().int().tolist()
    assert sorted(order) == list(range(784))
    assert order[:8] == [693, 85, 647, 392, 765, 14, 299, 711]


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^view must be one of rows, columns, pixels, permuted, got 'diagonals'$"
    ):
        View("diagonals", 2, 3)


PIXELS = np.arange(6, dtype=np.float32).reshape(1, 2, 3) / 6


def test_images_become_sequences_of_the_view_that_the_model_was_trained_on() -> None:
    rows, columns, pixels = (
        encode_images(DataSpec(View(view, 2, 3).inputs, SequenceClasses(("a",))), PIXELS).batch([0])
        for view in ("rows", "columns", "pixels")
    )
    assert torch.equal(rows.inputs, torch.from_numpy(PIXELS))
    assert torch.equal(columns.inputs, torch.from_numpy(PIXELS).transpose(1, 2))
    assert pixels.inputs.flatten().tolist() == PIXELS.ravel().tolist()
    assert [batch.lengths.tolist() for batch in (rows, columns, pixels)] == [[2], [3], [6]]
    assert rows.targets is None

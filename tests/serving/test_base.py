from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from seqtrain.predictions import Answer, Given
from seqtrain.serving.base import BasePredictor
from seqtrain.serving.batches import batches_of
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs


@dataclass
class Sizes:
    """Encoded sequences of which only the sizes are known."""

    lengths: np.ndarray
    batch = None


@dataclass
class SpeltSizes(Sizes):
    num_letters: np.ndarray


@pytest.mark.parametrize(
    ("sizes", "max_steps", "batches"),
    [
        ([4, 5, 4, 5, 3], 10, [[1, 3], [0, 2], [4]]),
        ([30, 1, 40], 10, [[2], [0], [1]]),
        ([10, 7, 10, 7, 2, 1], 40, [[0, 2], [1, 3], [4, 5]]),  # little padding, but in small batches
        ([1] * 257, 1 << 18, [list(range(256)), [256]]),
        ([], 10, []),
    ],
)
def test_batches_hold_similar_lengths_and_few_steps(
    sizes: list[int], max_steps: int, batches: list[list[int]]
) -> None:
    assert list(batches_of(Sizes(np.array(sizes)), max_steps)) == batches


def test_batches_hold_few_letters() -> None:
    letters = np.array([20, 3000, 30, 40, 20])
    assert list(batches_of(SpeltSizes(np.array([5] * 5), letters), 10)) == [[0], [1], [2, 3], [4]]


class Sums(BasePredictor[list]):
    """Answers with the sum of a sequence, and keeps the sizes of the batches."""

    max_steps = 8

    def __init__(self) -> None:
        super().__init__(DataSpec(VectorInputs(feature_size=1), SequenceClasses(("a",))))
        self.sizes: list[int] = []

    encode_sentences = encode_images = encode_windows = encode_texts = None

    def encode_sequences(self, sequences):
        parts = np.split(sequences.x, sequences.lengths.cumsum()[:-1])

        class Encoded:
            lengths = sequences.lengths

            def batch(self, indices: Sequence[int]) -> list:
                return [parts[index] for index in indices]

        return Encoded()

    def answer_batch(self, batch: list) -> list[Answer]:
        self.sizes.append(len(batch))
        return [Answer((f"{each.sum():g}",), (1.0,)) for each in batch]


def test_answers_come_in_the_order_of_what_was_given() -> None:
    predictor = Sums()
    given = [Given(str(size), values=np.full((size, 1), size, dtype=np.float32)) for size in (1, 4, 4, 9)]
    answers = predictor.answer(given)
    assert [answer.names for answer in answers] == [("1",), ("16",), ("16",), ("81",)]
    assert predictor.sizes == [1, 2, 1]
    assert predictor.show(given[1], answers[1], "tsv") == "4\t16\t1.0000\n"

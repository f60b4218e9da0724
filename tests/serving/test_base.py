from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqtrain.predictions import Answer, Given
from seqtrain.serving.base import BATCH_SIZE, BasePredictor, batches_by_length
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs


def test_batches_hold_similar_lengths_and_few_steps() -> None:
    assert list(batches_by_length([2, 5, 1, 5, 3], max_steps=10)) == [[1, 3], [4, 0, 2]]
    assert list(batches_by_length([30, 1, 40], max_steps=10)) == [[2], [0], [1]]
    assert list(map(len, batches_by_length([1] * (BATCH_SIZE + 1), max_steps=1 << 18))) == [BATCH_SIZE, 1]
    assert list(batches_by_length([], max_steps=10)) == []


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
    given = [Given(str(size), values=np.full((size, 1), size, dtype=np.float32)) for size in (1, 4, 2, 9)]
    answers = predictor.answer(given)
    assert [answer.names for answer in answers] == [("1",), ("16",), ("4",), ("81",)]
    assert predictor.sizes == [1, 2, 1]
    assert predictor.show(given[1], answers[1], "tsv") == "4\t16\t1.0000\n"

"""Predictions of a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqtrain.data import Dataset, sorted_batches
from seqtrain.model import Ensemble, Network
from seqtrain.records import DataSpec

BATCH_SIZE = 256  # sequences; what is read is answered in batches of this size


@dataclass(frozen=True)
class Prediction:
    """What a model answers to one sequence: names of targets, and their probabilities."""

    answers: list[str]
    confidences: list[float]


def predict(network: Network | Ensemble, spec: DataSpec, dataset: Dataset) -> list[Prediction]:
    """The network's answers to every sequence, in their order."""
    network.eval()
    predictions: dict[int, Prediction] = {}
    for indices in sorted_batches(dataset.lengths, BATCH_SIZE):
        batch = dataset.batch(indices)
        with torch.inference_mode():
            scores, _ = network(batch)
            head: Any = network.head
            answers = head.decode(scores, batch.lengths)
            confidences = head.confidences(scores, answers, batch.lengths)
        for row, index in enumerate(indices.tolist()):
            predictions[index] = _name(answers[row], confidences[row], int(batch.lengths[row]), spec)
    return [predictions[index] for index in range(len(predictions))]


def _name(answers: Tensor, confidences: Tensor, length: int, spec: DataSpec) -> Prediction:
    # One answer for a whole sequence, or one for each of its steps, padding left out.
    steps = 1 if answers.ndim == 0 else length
    numbers = answers.reshape(-1)[:steps].tolist()
    shares = [round(share, 4) for share in confidences.reshape(-1)[:steps].tolist()]
    return Prediction([spec.target_names[number] for number in numbers], shares)

"""Which sequences are looked at: a fixed sample of the validation data, evenly spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from seqtrain.config import ConfigError
from seqtrain.data import Dataset
from seqtrain.data.corpus import Corpus
from seqtrain.model.backbone import eval_mode, recurrent_module
from seqtrain.model.ensemble import Ensemble
from seqtrain.model.network import Head, Network
from seqtrain.records import SequenceBatch
from seqtrain.spec import Classes, DataSpec


@dataclass(frozen=True)
class Sample:
    """Some validation sequences as one batch; `words` are those of each sentence, None for vectors."""

    batch: SequenceBatch
    spec: DataSpec
    words: list[list[str]] | None


@dataclass(frozen=True)
class AnsweredSample(Sample):
    """Validation sequences with a network's answers, as `Task.draw` is given them; all on the CPU.

    `predictions` are what the head chose, of the targets' shape where those are classes; `confidences` their
    probabilities, None for targets that are no classes.
    """

    predictions: Tensor
    confidences: Tensor | None


def draw_sample(corpus: Corpus, num_sequences: int, max_steps: int | None = None) -> Sample:
    """`num_sequences` of the dev split at even distances: always the same ones.

    Args:
        corpus: with a dev split.
        num_sequences: the maximum number of sequences.
        max_steps: of all sequences together, the padding included; the first sequence is always there.
    """
    lengths = corpus.splits["dev"].lengths
    indices = spread_evenly(range(len(lengths)), num_sequences)
    if max_steps is not None:
        longest = int(lengths[indices].max())
        indices = indices[: max(1, max_steps // longest)]
    return take_sample(corpus, indices)


def take_sample(corpus: Corpus, indices: list[int]) -> Sample:
    """These sequences of the dev split."""
    dev: Any = corpus.splits["dev"]
    words = [dev.words(index) for index in indices] if hasattr(dev, "words") else None
    return Sample(dev.batch(indices), corpus.spec, words)


def spread_evenly(indices: Sequence[int], num: int) -> list[int]:
    """`num` of them at even distances, or all if there are no more."""
    num = min(num, len(indices))
    return [indices[place * len(indices) // num] for place in range(num)]


def traced_module(network: Network) -> Any:
    """The module with the weights of the recurrence; None where it is none that can be traced."""
    try:
        return recurrent_module(network.backbone)
    except (TypeError, ValueError):
        return None


def answer_sample(network: Network | Ensemble, sample: Sample, device: torch.device) -> AnsweredSample:
    """What a network, which is on `device`, answers in evaluation mode."""
    batch, head = sample.batch.to(device), cast(Head, network.head)
    with eval_mode(network):
        scores, _ = network(batch)
        predictions = head.decode(scores, batch.lengths)
        confidences = None
        if isinstance(sample.spec.targets, Classes):
            confidences = head.confidences(scores, predictions, batch.lengths).cpu()
    return AnsweredSample(sample.batch, sample.spec, sample.words, predictions.cpu(), confidences)


def load_dev(source: Any, spec: DataSpec) -> Dataset:
    """The validation data of a source, as a network of `spec` knows it.

    Raises:
        ConfigError: the data is not what the network was trained on.
        DataError: it cannot be read.
    """
    if hasattr(source, "recall"):
        source.recall(spec)
    corpus = source.load()
    if corpus.spec != spec:
        raise ConfigError(
            [
                "data: it has changed since the training: its classes, sizes or vocabularies differ; with "
                "examples=0 it is not read"
            ]
        )
    dev: Dataset = corpus.splits["dev"]
    return dev

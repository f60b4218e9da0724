"""Which sequences of the data to look at."""

from __future__ import annotations

from typing import Any

from seqtrain.config import ConfigError
from seqtrain.data import Dataset
from seqtrain.spec import DataSpec


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


def spread(num_sequences: int, num_chosen: int) -> list[int]:
    """`num_chosen` places out of `num_sequences`, or all of them, at even distances."""
    num_chosen = min(num_chosen, num_sequences)
    return [place * num_sequences // num_chosen for place in range(num_chosen)]

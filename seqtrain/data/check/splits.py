"""Sizes, lengths and targets of each split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.data.batching.vector_dataset import VectorDataset
from seqtrain.data.batching.word_dataset import WordDataset
from seqtrain.data.corpus import Corpus, Dataset
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.spec import Classes, Targets

CHUNK = 1000  # sequences read at a time


@dataclass(frozen=True)
class SplitSummary:
    """How much is in a split, and how it is distributed."""

    name: str
    lengths: Tensor  # (num_sequences,) steps
    target_counts: Tensor | None  # (num_targets,) of classes; None for other targets

    @property
    def num_sequences(self) -> int:
        return len(self.lengths)

    @property
    def num_steps(self) -> int:
        return int(self.lengths.sum())

    def length_quantile(self, share: float) -> int:
        """The length that this share of the sequences does not exceed."""
        ordered = self.lengths.sort().values
        return int(ordered[min(len(ordered) - 1, int(share * len(ordered)))])


def summarize_splits(corpus: Corpus) -> list[SplitSummary]:
    """A summary of each split, in the order of the corpus."""
    return [
        SplitSummary(name, split.lengths, _count_targets(split, corpus.spec.targets))
        for name, split in corpus.splits.items()
    ]


def find_missing_targets(splits: list[SplitSummary], names: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """For each split but the first (train): the classes that train lacks, with their counts."""
    train, *others = splits
    missing = {}
    for split in others:
        if train.target_counts is not None and split.target_counts is not None:
            absent = (train.target_counts == 0) & (split.target_counts > 0)
            numbers = absent.nonzero().flatten().tolist()
            missing[split.name] = {names[number]: int(split.target_counts[number]) for number in numbers}
    return {split: targets for split, targets in missing.items() if targets}


def count_shared(corpus: Corpus, split: str) -> int | None:
    """How many sequences of a split also occur in train; None where sequences cannot be compared."""
    train = set(_contents(corpus.splits["train"]))
    if not train:
        return None
    return sum(content in train for content in _contents(corpus.splits[split]))


def _contents(dataset: Dataset) -> Iterator[object]:
    """Each sequence as something to compare; nothing for data sets of a user's own class."""
    if isinstance(dataset, WordDataset):
        yield from (tuple(dataset.words(index)) for index in range(len(dataset.lengths)))
    elif isinstance(dataset, VectorDataset):
        yield from (row.tobytes() for row in dataset.inputs.numpy())


def _count_targets(split: Dataset, known: Targets) -> Tensor | None:
    if not isinstance(known, Classes):
        return None
    counts = torch.zeros(len(known.names), dtype=torch.int64)
    for batch in read_batches(split):
        if batch.targets is not None:
            targets = batch.targets[batch.targets != IGNORED]
            counts += targets[targets >= 0].bincount(minlength=len(counts))
    return counts


def read_batches(split: Dataset) -> Iterator[SequenceBatch]:
    """All sequences, sorted by length so that little is padded."""
    for chosen in torch.split(split.lengths.argsort(), CHUNK):
        yield split.batch(chosen)

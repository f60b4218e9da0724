"""Everything that is worth knowing of a data set before training on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.data.batching.datasets import VectorDataset, WordDataset
from seqtrain.data.batching.loader import BatchSampler
from seqtrain.data.corpus import Batching, Corpus, Dataset
from seqtrain.records import IGNORED, UNKNOWN, SequenceBatch, Words
from seqtrain.spec import Classes, DataSpec, StepClasses, Targets, WordInputs

CHUNK = 1000  # sequences read at a time


@dataclass(frozen=True)
class DataSummary:
    """What `check_data` shows; `unknown` and `ambiguous` are for words, `missing_targets` for classes."""

    spec: DataSpec
    splits: tuple[SplitSummary, ...]
    shared: dict[str, int | None]  # sequences of each other split that are in train too
    missing_targets: dict[str, dict[str, int]]
    padding: Padding
    batching: Batching
    unknown: dict[str, UnknownWords]
    ambiguous: AmbiguousWords | None
    notes: tuple[str, ...]


def summarize(corpus: Corpus, batching: Batching, seed: int = 0) -> DataSummary:
    """Read all of a corpus once or twice; MNIST takes some seconds."""
    inputs, targets = corpus.spec.inputs, corpus.spec.targets
    is_words = isinstance(inputs, WordInputs)
    splits = summarize_splits(corpus)
    others = [split.name for split in splits if split.name != "train"]
    return DataSummary(
        spec=corpus.spec,
        splits=tuple(splits),
        shared={name: count_shared(corpus, name) for name in others},
        missing_targets=find_missing_targets(splits, targets.names) if isinstance(targets, Classes) else {},
        padding=measure_padding(corpus.splits["train"].lengths, batching, seed),
        batching=batching,
        unknown={name: count_unknown(corpus, name) for name in others} if is_words else {},
        ambiguous=find_ambiguous(corpus) if is_words and isinstance(targets, StepClasses) else None,
        notes=corpus.notes,
    )


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


@dataclass(frozen=True)
class Padding:
    """The share of padding in the batches of an epoch, as they are drawn and as plain shuffling would draw
    them, and the batch with the most steps, padding included."""

    with_buckets: float
    shuffled: float
    num_batches: int
    largest: Tensor  # (batch,) indices of its sequences


def measure_padding(lengths: Tensor, batching: Batching, seed: int = 0) -> Padding:
    """Draw one epoch of training batches both ways."""
    drawn = BatchSampler(lengths, batching, seed).batches(0)
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.split(torch.randperm(len(lengths), generator=generator), batching.batch_size)
    largest = max(drawn, key=lambda batch: padded_size(lengths[batch]))
    return Padding(_padding_share(lengths, drawn), _padding_share(lengths, shuffled), len(drawn), largest)


def padded_size(lengths: Tensor) -> int:
    """Steps of a batch, padding included."""
    return len(lengths) * int(lengths.max())


def _padding_share(lengths: Tensor, batches: Sequence[Tensor]) -> float:
    total = sum(padded_size(lengths[batch]) for batch in batches)
    return 1 - int(sum(int(lengths[batch].sum()) for batch in batches)) / total


@dataclass(frozen=True)
class UnknownWords:
    """Of a split's words, how many the vocabulary lacks and how many do not occur in train."""

    num_words: int
    num_unknown: int
    num_unseen: int


def count_unknown(corpus: Corpus, split: str) -> UnknownWords:
    """Count the words of a split that the model does not know."""
    num_words = num_unknown = num_unseen = 0
    for batch in read_batches(corpus.splits[split]):
        assert isinstance(batch.inputs, Words)
        num_words += int(batch.lengths.sum())
        num_unknown += int((batch.inputs.word == UNKNOWN).sum())
        num_unseen += 0 if batch.unseen is None else int(batch.unseen.sum())
    return UnknownWords(num_words, num_unknown, num_unseen)


@dataclass(frozen=True)
class AmbiguousWords:
    """Words of train, in lower case, that have more than one tag.

    `baseline` is the share of words that a table of each word's most frequent tag would get right on train:
    the rest needs context.
    """

    num_distinct: int
    num_ambiguous: int
    share_of_words: float
    baseline: float
    examples: tuple[tuple[str, dict[str, int]], ...]  # those most often not of their most frequent tag


def find_ambiguous(corpus: Corpus, num_examples: int = 10) -> AmbiguousWords:
    """Find the words of train with several tags."""
    tags = _count_tags(corpus)
    total = sum(sum(counts.values()) for counts in tags.values())
    ambiguous = {word: counts for word, counts in tags.items() if len(counts) > 1}
    hardest = sorted(ambiguous.items(), key=lambda item: max(item[1].values()) - sum(item[1].values()))
    return AmbiguousWords(
        num_distinct=len(tags),
        num_ambiguous=len(ambiguous),
        share_of_words=sum(sum(counts.values()) for counts in ambiguous.values()) / total,
        baseline=sum(max(counts.values()) for counts in tags.values()) / total,
        examples=tuple((word, dict(counts.most_common())) for word, counts in hardest[:num_examples]),
    )


def _count_tags(corpus: Corpus) -> dict[str, Counter[str]]:
    """How often each word of train, in lower case, has each tag."""
    train, known = corpus.splits["train"], corpus.spec.targets
    assert isinstance(train, WordDataset)
    assert isinstance(known, StepClasses)
    tags: dict[str, Counter[str]] = {}
    for number, length in enumerate(train.lengths.tolist()):
        targets = train.batch([number]).targets
        assert targets is not None
        for word, target in zip(train.words(number), targets[0, :length].tolist(), strict=True):
            if target != IGNORED:
                tags.setdefault(word.lower(), Counter())[known.names[target]] += 1
    return tags

"""Everything that is worth knowing about a data set before training on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from seqtrain.data.batching.datasets import VectorDataset, WordDataset
from seqtrain.data.batching.loader import BatchSampler
from seqtrain.data.batching.windows import WindowDataset
from seqtrain.data.corpus import Batching, Corpus, Dataset, NamedSteps
from seqtrain.records import IGNORED, UNKNOWN, SequenceBatch, Words
from seqtrain.spec import Classes, DataSpec, Numbers, StepClasses, Targets, TokenInputs, WordInputs

CHUNK = 1000  # sequences read at a time
NUM_EXAMPLES = 10  # of ambiguous words


@dataclass(frozen=True)
class SplitSummary:
    """How much is in a split, and how it is distributed."""

    name: str
    lengths: Tensor  # (num_sequences,) steps
    target_counts: Tensor | None  # (num_targets,) of classes; None for other targets
    numbers: Tensor | None  # (5, names): how many are known, their mean, deviation, lowest and highest

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


@dataclass(frozen=True)
class Padding:
    """The share of padding in the batches of an epoch, as they are drawn and as plain shuffling would draw
    them, and the batch with the most steps, padding included."""

    with_buckets: float
    shuffled: float
    num_batches: int
    largest: Tensor  # (batch,) indices of its sequences


@dataclass(frozen=True)
class UnknownWords:
    """Of a split's words, or characters, how many the vocabulary lacks, and how many do not occur in train
    where that is known."""

    num_words: int
    num_unknown: int
    num_unseen: int | None


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
    is_text = isinstance(inputs, (WordInputs, TokenInputs))
    splits = tuple(
        SplitSummary(name, split.lengths, _count_targets(split, targets), _measure_numbers(split, targets))
        for name, split in corpus.splits.items()
    )
    others = {name: split for name, split in corpus.splits.items() if name != "train"}
    train = corpus.splits["train"]
    return DataSummary(
        spec=corpus.spec,
        splits=splits,
        shared=_count_shared(train, others),
        missing_targets=_find_missing(splits, targets.names) if isinstance(targets, Classes) else {},
        padding=measure_padding(train.lengths, batching, seed),
        batching=batching,
        unknown={name: _count_unknown(split) for name, split in others.items()} if is_text else {},
        ambiguous=_find_ambiguous(train, targets) if isinstance(train, WordDataset) else None,
        notes=corpus.notes,
    )


def _read(split: Dataset) -> Iterator[SequenceBatch]:
    """All sequences, sorted by length so that little is padded."""
    for chosen in torch.split(split.lengths.argsort(), CHUNK):
        yield split.batch(chosen)


def _count_targets(split: Dataset, targets: Targets) -> Tensor | None:
    if not isinstance(targets, Classes):
        return None
    counts = torch.zeros(len(targets.names), dtype=torch.int64)
    for batch in _read(split):
        if batch.targets is not None:
            counts += batch.targets[batch.targets >= 0].bincount(minlength=len(counts))
    return counts


def _measure_numbers(split: Dataset, targets: Targets) -> Tensor | None:
    """See `SplitSummary.numbers`."""
    if not isinstance(targets, Numbers):
        return None
    if isinstance(split, WindowDataset):
        values = split.target_rows
    else:
        found = [each.targets.flatten(0, -2) for each in _read(split) if each.targets is not None]
        values = torch.cat(found) if found else torch.empty(0, len(targets.names))
    if targets.standardization is not None:
        means, deviations = (torch.tensor(each) for each in targets.standardization)
        values = values * deviations + means
    return torch.stack([_measure(column[~column.isnan()]) for column in values.T], dim=1)


def _measure(values: Tensor) -> Tensor:
    """(5,) of the known values of one name, see `SplitSummary.numbers`."""
    if not len(values):
        return torch.tensor([0.0, *[torch.nan] * 4])
    spread = (values.mean(), values.std(correction=0), values.min(), values.max())
    return torch.stack((torch.tensor(float(len(values))), *spread))


def _find_missing(splits: Sequence[SplitSummary], names: Sequence[str]) -> dict[str, dict[str, int]]:
    """For each split but train: the classes that train lacks, with their counts."""
    counts = {each.name: each.target_counts for each in splits if each.target_counts is not None}
    train = counts.pop("train")
    missing = {}
    for split, found in counts.items():
        absent = ((train == 0) & (found > 0)).nonzero().flatten().tolist()
        missing[split] = {names[number]: int(found[number]) for number in absent}
    return {split: targets for split, targets in missing.items() if targets}


def _count_shared(train: Dataset, others: dict[str, Dataset]) -> dict[str, int | None]:
    """How many sequences of the others occur in train too; None where sequences cannot be compared."""
    known = set(_contents(train))
    return {
        name: sum(content in known for content in _contents(split)) if known else None
        for name, split in others.items()
    }


def _contents(dataset: Dataset) -> Iterator[object]:
    """Each sequence as something to compare; nothing for data sets of a user's own class."""
    if isinstance(dataset, NamedSteps):
        yield from (tuple(dataset.words(index)) for index in range(len(dataset.lengths)))
    elif isinstance(dataset, VectorDataset):
        yield from (row.tobytes() for row in dataset.inputs.numpy())


def measure_padding(lengths: Tensor, batching: Batching, seed: int = 0) -> Padding:
    """Draw one epoch of training batches by their lengths, and one without regard to them."""
    drawn = BatchSampler(lengths, batching, seed).batches(0)
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.split(torch.randperm(len(lengths), generator=generator), batching.batch_size)
    largest = max(drawn, key=lambda batch: _padded_size(lengths[batch]))
    return Padding(_padding_share(lengths, drawn), _padding_share(lengths, shuffled), len(drawn), largest)


def _padded_size(lengths: Tensor) -> int:
    """Steps of a batch, padding included."""
    return len(lengths) * int(lengths.max())


def _padding_share(lengths: Tensor, batches: Sequence[Tensor]) -> float:
    """Of batches that have each sequence once."""
    return 1 - int(lengths.sum()) / sum(_padded_size(lengths[batch]) for batch in batches)


def _count_unknown(split: Dataset) -> UnknownWords:
    num_unknown, num_unseen = 0, None
    for batch in _read(split):
        ids = batch.inputs.word if isinstance(batch.inputs, Words) else batch.inputs
        num_unknown += int((ids == UNKNOWN).sum())
        if batch.unseen is not None:
            num_unseen = (num_unseen or 0) + int(batch.unseen.sum())
    return UnknownWords(int(split.lengths.sum()), num_unknown, num_unseen)


def _find_ambiguous(train: WordDataset, targets: Targets) -> AmbiguousWords | None:
    if not isinstance(targets, StepClasses):
        return None
    tags = _count_tags(train, targets.names)
    total = sum(counts.total() for counts in tags.values())
    several = {word: counts for word, counts in tags.items() if len(counts) > 1}
    hardest = sorted(several.items(), key=lambda item: max(item[1].values()) - item[1].total())
    return AmbiguousWords(
        num_distinct=len(tags),
        num_ambiguous=len(several),
        share_of_words=sum(counts.total() for counts in several.values()) / total,
        baseline=sum(max(counts.values()) for counts in tags.values()) / total,
        examples=tuple((word, dict(counts.most_common())) for word, counts in hardest[:NUM_EXAMPLES]),
    )


def _count_tags(train: WordDataset, names: Sequence[str]) -> dict[str, Counter[str]]:
    """How often each word of train, in lower case, has each tag."""
    tags: dict[str, Counter[str]] = {}
    for index in range(len(train.lengths)):
        targets = cast(Tensor, train.batch([index]).targets)
        for word, target in zip(train.words(index), targets[0].tolist(), strict=True):
            if target != IGNORED:
                tags.setdefault(word.lower(), Counter())[names[target]] += 1
    return tags

"""The user's own sequences of numbers, from .npz files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtrain.data.batching.datasets import FlatDataset
from seqtrain.data.batching.piecewise import PiecewiseDataset
from seqtrain.data.corpus import SPLITS, Batching, Corpus, Dataset, find_split_files, take_from_train
from seqtrain.data.files.arrays import Sequences, check_features, read_sequences
from seqtrain.errors import DataError
from seqtrain.spec import (
    Classes,
    DataSpec,
    Numbers,
    SequenceClasses,
    SequenceNumbers,
    Standardization,
    StepClasses,
    StepNumbers,
    VectorInputs,
)


class Arrays:
    """Sequences of numbers with a class or numbers for each, or for each of their time steps.

    Features, and targets that are numbers, are standardized by the mean and the standard deviation of train.

    Args:
        path: an .npz file (see `read_sequences`), or a folder with one for each split (train, dev and test in
            their names). Splits without a file are taken from train: every tenth sequence each.
        steps: of the pieces that sequences with a class for each step are read in, see `PiecewiseDataset`;
            None to read them as a whole.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        batch_size: int,
        eval_batch_size: int,
        max_tokens: int | None = None,
        epochs: int | None = None,
        min_steps: int = 0,
        steps: int | None = None,
    ) -> None:
        self._steps = steps
        self.batching = Batching(batch_size, max_tokens, eval_batch_size, epochs, min_steps)
        self._path = Path(path)

    def load(self) -> Corpus:
        by_split = {split: read_sequences(path) for split, path in find_split_files(self._path).items()}
        _check_agreement(by_split, self._path)
        train = by_split["train"]
        masks, notes = take_from_train(len(train.lengths), by_split, "sequence", self._path)
        by_split |= {split: _select(train, chosen.numpy()) for split, chosen in masks.items()}
        corpus = build_corpus(by_split, self._path, notes)
        return corpus if self._steps is None else self._in_pieces(corpus, self._steps)

    def _in_pieces(self, corpus: Corpus, steps: int) -> Corpus:
        if not isinstance(corpus.spec.targets, StepClasses):
            raise DataError(
                f"has {corpus.spec.targets.each}; data.steps is for sequences with a class for each time "
                "step: give data.steps=null",
                self._path,
            )
        splits: dict[str, Dataset] = {
            name: PiecewiseDataset(cast(FlatDataset, split), steps) for name, split in corpus.splits.items()
        }
        return replace(corpus, splits=splits)


def build_corpus(by_split: dict[str, Sequences], path: Path, notes: Sequence[str] = ()) -> Corpus:
    """A corpus of train, dev and test, which have targets of one kind; `path` is for messages."""
    train = by_split["train"]
    inputs = VectorInputs(feature_size=train.x.shape[1], standardization=_measure(train.x))
    has_numbers = _has_numbers(train)
    spec = DataSpec(inputs, (_describe_numbers if has_numbers else _describe_classes)(by_split, path))
    splits: dict[str, Dataset] = {split: encode_sequences(spec, by_split[split]) for split in SPLITS}
    target_notes = () if has_numbers else _note_unseen(by_split)
    return Corpus(spec, splits, notes=tuple(notes), target_notes=tuple(target_notes))


def encode_sequences(spec: DataSpec, sequences: Sequences) -> FlatDataset:
    """Sequences as the model was trained on them; classes that the spec does not name are left out.

    Raises:
        DataError: the number of features is not that of the training data.
    """
    check_features(sequences, spec.inputs)
    assert isinstance(spec.inputs, VectorInputs)
    inputs = _standardize(sequences.x, spec.inputs.standardization)
    lengths = torch.from_numpy(sequences.lengths)
    return FlatDataset(inputs, lengths, _encode_targets(sequences, spec), sequences.has_target_per_step)


def _encode_targets(sequences: Sequences, spec: DataSpec) -> Tensor | None:
    if sequences.y is None or isinstance(spec.targets, Numbers) != _has_numbers(sequences):
        return None
    if isinstance(spec.targets, Numbers):
        return _standardize(sequences.y, spec.targets.standardization)
    if not isinstance(spec.targets, Classes):
        return None
    numbers = {name: number for number, name in enumerate(spec.targets.names)}
    named = _names_of(sequences)
    return torch.tensor([numbers[name] for name in named]) if set(named) <= set(numbers) else None


def _standardize(values: npt.NDArray[np.float32], standardization: Standardization | None) -> Tensor:
    if standardization is None:
        return torch.from_numpy(values)
    mean, deviation = (torch.tensor(each) for each in standardization)
    return (torch.from_numpy(values) - mean) / deviation


def _has_numbers(given: Sequences) -> bool:
    return given.y is not None and given.y.dtype.kind == "f"


def _check_agreement(by_split: dict[str, Sequences], path: Path) -> None:
    train = by_split["train"]
    for split, given in by_split.items():
        if given.y is None:
            needed = "training needs classes or numbers for each sequence or time step"
            raise DataError(f"{split} has no y; {needed}", path)
        if given.x.shape[1] != train.x.shape[1]:
            raise DataError(f"{split} has {given.x.shape[1]} features, train has {train.x.shape[1]}", path)
        if given.has_target_per_step != train.has_target_per_step:
            raise DataError(f"{split} and train differ: one has targets for each time step", path)
        if _has_numbers(given) != _has_numbers(train):
            raise DataError(f"{split} and train differ: one has classes, the other numbers", path)


def _select(given: Sequences, chosen: npt.NDArray[np.bool_]) -> Sequences:
    assert given.y is not None
    steps = chosen.repeat(given.lengths)
    y = given.y[steps if given.has_target_per_step else chosen]
    return replace(given, x=given.x[steps], lengths=given.lengths[chosen], y=y)


def _names_of(given: Sequences) -> list[str]:
    """The name of each target."""
    assert given.y is not None
    if given.names is None or given.y.dtype.kind == "U":
        return [str(each) for each in given.y.tolist()]
    return [given.names[int(each)] for each in given.y.tolist()]


def _describe_numbers(by_split: dict[str, Sequences], path: Path) -> Numbers:
    """The numbers of all splits, scaled by train."""
    train = by_split["train"]
    assert train.y is not None
    size = train.y.shape[1]
    for split, given in by_split.items():
        assert given.y is not None
        if given.y.shape[1] != size:
            raise DataError(f"{split} has {given.y.shape[1]} numbers as targets, train has {size}", path)
    names = train.names or (("y",) if size == 1 else tuple(f"y{index}" for index in range(size)))
    if len(names) != size:
        raise DataError(f"y has {size} numbers, but there are {len(names)} names", path)
    for name, column in zip(names, train.y.T, strict=True):
        known = column[~np.isnan(column)]
        if len(known) == 0 or (known == known[0]).all():
            value = f"the same value, {known[0]:g}" if len(known) else "no known value"
            problem = f"all of train has {value} for the target {name}"
            raise DataError(f"{problem}, so there is nothing to learn", path)
    kind = StepNumbers if train.has_target_per_step else SequenceNumbers
    return kind(names, _measure(train.y))


def _describe_classes(by_split: dict[str, Sequences], path: Path) -> Classes:
    kind = StepClasses if by_split["train"].has_target_per_step else SequenceClasses
    return kind(_target_names(by_split, path))


def _target_names(by_split: dict[str, Sequences], path: Path) -> tuple[str, ...]:
    """The classes of all splits: one that train lacks has an output that is never a target in training."""
    train = by_split["train"]
    for split, given in by_split.items():
        if given.names is not None and given.y is not None and given.y.dtype.kind != "U":
            if int(given.y.max()) >= len(given.names):
                raise DataError(f"{split} has the class {given.y.max()}, but {len(given.names)} names", path)
            if given.names != train.names:
                raise DataError(f"{split} and train have different names of classes", path)
    if len(trained := set(_names_of(train))) == 1:
        raise DataError(f"all of train has the class {trained.pop()!r}, so there is nothing to learn", path)
    if train.names is not None:
        return train.names
    found = {name for given in by_split.values() for name in _names_of(given)}
    return tuple(sorted(found, key=lambda name: (len(name), name) if name.isdecimal() else (0, name)))


def _note_unseen(by_split: dict[str, Sequences]) -> Iterator[str]:
    trained = set(_names_of(by_split["train"]))
    for split in ("dev", "test"):
        unseen = [name for name in _names_of(by_split[split]) if name not in trained]
        if unseen:
            listed = ", ".join(sorted(set(unseen)))
            number = f"{len(unseen):,} targets of classes that train lacks ({listed})"
            yield f"{split} has {number}; they count as errors"


def _measure(x: npt.NDArray[np.float32]) -> Standardization:
    """Mean and standard deviation of each column, without nan; 1 for one that never changes."""
    # nanstd rounds otherwise than std, and a checkpoint is compared to the last bit.
    find_mean, find_deviation = (np.nanmean, np.nanstd) if np.isnan(x).any() else (np.mean, np.std)
    mean: npt.NDArray[np.float64] = find_mean(x, axis=0, dtype=np.float64)
    deviation: npt.NDArray[np.float64] = find_deviation(x, axis=0, dtype=np.float64)
    deviation[deviation == 0] = 1.0
    return tuple(mean.tolist()), tuple(deviation.tolist())

"""The user's own sequences of numbers, from .npz files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtrain.data.batching.datasets import FlatDataset
from seqtrain.data.corpus import SPLITS, Batching, Corpus, Dataset
from seqtrain.data.files.arrays import Sequences, check_features, read_sequences
from seqtrain.data.sources.splits import find_parts, take_from_train
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
        path: an .npz file (see `read_sequences`), or a folder with one for each part (train, dev and test in
            their names). Parts without a file are taken from train: every tenth sequence each.
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
    ) -> None:
        self.batching = Batching(batch_size, max_tokens, eval_batch_size, epochs, min_steps)
        self._path = Path(path)

    def load(self) -> Corpus:
        parts = {split: read_sequences(path) for split, path in find_parts(self._path).items()}
        _check_agreement(parts, self._path)
        train = parts["train"]
        masks, notes = take_from_train(len(train.lengths), parts, "sequence", self._path)
        parts |= {split: _select(train, chosen.numpy()) for split, chosen in masks.items()}
        return build_corpus(parts, self._path, notes)


def build_corpus(parts: dict[str, Sequences], path: Path, notes: Sequence[str] = ()) -> Corpus:
    """A corpus of train, dev and test, which have targets of one kind; `path` is for messages."""
    train = parts["train"]
    inputs = VectorInputs(feature_size=train.x.shape[1], standardization=_measure(train.x))
    has_numbers = _has_numbers(train)
    spec = DataSpec(inputs, (_describe_numbers if has_numbers else _describe_classes)(parts, path))
    splits: dict[str, Dataset] = {split: encode_sequences(spec, parts[split]) for split in SPLITS}
    target_notes = [] if has_numbers else _note_unseen(parts)
    return Corpus(spec, splits, notes=tuple(notes), target_notes=tuple(target_notes))


def encode_sequences(spec: DataSpec, sequences: Sequences) -> FlatDataset:
    """Sequences as the model was trained on them; classes that the spec does not name are left out.

    Raises:
        DataError: they have another number of features than those that the model was trained on.
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


def _has_numbers(part: Sequences) -> bool:
    return part.y is not None and part.y.dtype.kind == "f"


def _check_agreement(parts: dict[str, Sequences], path: Path) -> None:
    train = parts["train"]
    for split, part in parts.items():
        if part.y is None:
            raise DataError(
                f"{split} has no y; training needs classes or numbers for each sequence or time step", path
            )
        if part.x.shape[1] != train.x.shape[1]:
            raise DataError(f"{split} has {part.x.shape[1]} features, train has {train.x.shape[1]}", path)
        if part.has_target_per_step != train.has_target_per_step:
            raise DataError(f"{split} and train differ: one has targets for each time step", path)
        if _has_numbers(part) != _has_numbers(train):
            raise DataError(f"{split} and train differ: one has classes, the other numbers", path)


def _select(part: Sequences, chosen: npt.NDArray[np.bool_]) -> Sequences:
    steps = chosen.repeat(part.lengths)
    y = part.y
    if y is not None:
        y = y[steps if part.has_target_per_step else chosen]
    return replace(part, x=part.x[steps], lengths=part.lengths[chosen], y=y)


def _names_of(part: Sequences) -> list[str]:
    """The name of each target."""
    assert part.y is not None
    if part.names is None or part.y.dtype.kind == "U":
        return [str(each) for each in part.y.tolist()]
    return [part.names[int(each)] for each in part.y.tolist()]


def _describe_numbers(parts: dict[str, Sequences], path: Path) -> Numbers:
    """The numbers of all parts, scaled by train."""
    train = parts["train"]
    assert train.y is not None
    size = train.y.shape[1]
    for split, part in parts.items():
        assert part.y is not None
        if part.y.shape[1] != size:
            raise DataError(f"{split} has {part.y.shape[1]} numbers as targets, train has {size}", path)
    names = train.names or (("y",) if size == 1 else tuple(f"y{place}" for place in range(size)))
    if len(names) != size:
        raise DataError(f"y has {size} numbers, but there are {len(names)} names", path)
    for name, column in zip(names, train.y.T, strict=True):
        known = column[~np.isnan(column)]
        if len(known) == 0 or (known == known[0]).all():
            value = f"the same value, {known[0]:g}" if len(known) else "no known value"
            raise DataError(
                f"all of train has {value} for the target {name}, so there is nothing to learn", path
            )
    kind = StepNumbers if train.has_target_per_step else SequenceNumbers
    return kind(names, _measure(train.y))


def _describe_classes(parts: dict[str, Sequences], path: Path) -> Classes:
    kind = StepClasses if parts["train"].has_target_per_step else SequenceClasses
    return kind(_target_names(parts, path))


def _target_names(parts: dict[str, Sequences], path: Path) -> tuple[str, ...]:
    """The classes of all parts: one that train lacks has an output that is never a target in training."""
    train = parts["train"]
    for split, part in parts.items():
        if part.names is not None and part.y is not None and part.y.dtype.kind != "U":
            if int(part.y.max()) >= len(part.names):
                raise DataError(f"{split} has the class {part.y.max()}, but {len(part.names)} names", path)
            if part.names != train.names:
                raise DataError(f"{split} and train have different names of classes", path)
    found = {name for part in parts.values() for name in _names_of(part)}
    if len(set(_names_of(train))) == 1:
        (name,) = set(_names_of(train))
        raise DataError(f"all of train has the class {name!r}, so there is nothing to learn", path)
    if train.names is not None:
        return train.names
    return tuple(sorted(found, key=lambda name: (len(name), name) if name.isdecimal() else (0, name)))


def _note_unseen(parts: dict[str, Sequences]) -> list[str]:
    trained = set(_names_of(parts["train"]))
    notes = []
    for split in ("dev", "test"):
        unseen = [name for name in _names_of(parts[split]) if name not in trained]
        if unseen:
            listed = ", ".join(sorted(set(unseen)))
            notes.append(
                f"{split} has {len(unseen):,} targets of classes that train lacks ({listed}); they count as"
                " errors"
            )
    return notes


def _measure(x: npt.NDArray[np.float32]) -> Standardization:
    """Mean and standard deviation of each column, without nan; 1 for one that never changes."""
    mean: npt.NDArray[np.float64] = np.nanmean(x, axis=0, dtype=np.float64)
    deviation: npt.NDArray[np.float64] = np.nanstd(x, axis=0, dtype=np.float64)
    deviation[deviation == 0] = 1.0
    return tuple(mean.tolist()), tuple(deviation.tolist())

"""The interface of every source of data, and its splits: their files, or what is set aside from train."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from seqtrain.errors import DataError
from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec, WordInputs

SPLITS = ("train", "dev", "test")


class Dataset(Protocol):
    """Sequences in memory, from which batches are built by index."""

    @property
    def lengths(self) -> Tensor:
        """(num_sequences,) int64: steps of each sequence, at least 1."""

    def batch(self, indices: Tensor | Sequence[int]) -> SequenceBatch:
        """The sequences at `indices`, in that order, padded to the longest of them."""


@runtime_checkable
class NamedSteps(Protocol):
    """What a dataset may also define: names of the time steps, such as the words of a sentence."""

    def words(self, index: int) -> list[str]:
        """The names for one sequence."""


class Order(Protocol):
    """The batches of a training, epoch by epoch: what `batch` of the dataset is given for each."""

    def __len__(self) -> int:
        """Batches of one epoch for this process, the same in every epoch."""

    def batches(self, epoch: int) -> Sequence[Any]:
        """The batches of one epoch, which depend on nothing but the seed and `epoch`."""


@runtime_checkable
class OwnOrder(Protocol):
    """What a dataset may also define: how it is batched, if not by the lengths of its sequences."""

    def order(self, batching: Batching, seed: int, rank: int, world_size: int) -> Order:
        """The training batches of one of several processes."""

    def evaluation_batches(self, batching: Batching, rank: int, world_size: int) -> Sequence[Any]:
        """The batches of an evaluation: everything once, at least one for each process."""


@dataclass(frozen=True)
class Batching:
    """How sequences are grouped into batches, and how many of these suit the data.

    In training a batch has at most `batch_size` sequences with at most `max_tokens` time steps in all (None:
    no bound), in evaluation at most `eval_batch_size` sequences. With `trainer.max_epochs=auto` training
    takes `epochs` passes over train, and on small data as many more as give `min_steps` optimizer steps.
    """

    batch_size: int
    max_tokens: int | None
    eval_batch_size: int
    epochs: int | None = None
    min_steps: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_tokens", "eval_batch_size", "epochs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


@dataclass(frozen=True)
class Corpus:
    """A data set after reading: `spec` for the model, and the splits train, dev and test.

    `vectors` (len(words), vector_size) are the pretrained vectors of the words of `WordInputs`, zero where
    there is none; None if there are no vectors, or if a checkpoint has them. `notes` are what a user should
    know about how the data were read, `target_notes` about targets of dev and test that train lacks, a
    sentence each: a run logs both as warnings. `chance` is what guessing gives, by the name of the metric,
    where that is known.
    """

    spec: DataSpec
    splits: dict[str, Dataset]
    vectors: Tensor | None = None
    notes: tuple[str, ...] = ()
    target_notes: tuple[str, ...] = ()
    chance: Mapping[str, float] = field(default_factory=dict)

    def describe(self) -> str:
        """One line: the sizes of the splits, the targets, the vocabularies and the word vectors."""
        inputs = self.spec.inputs
        parts = [f"{name} {self._count(split)}" for name, split in self.splits.items()]
        parts += [self.spec.targets.describe(), inputs.describe(), self._describe_vectors()]
        return "; ".join(filter(None, parts))

    def _count(self, split: Dataset) -> str:
        inputs, num_steps = self.spec.inputs, f"{int(split.lengths.sum()):,}"
        if isinstance(split, OwnOrder):  # its sequences are pieces of something longer
            return f"{num_steps} {inputs.steps}"
        return f"{len(split.lengths):,} {inputs.sequences} ({num_steps} {inputs.steps})"

    def _describe_vectors(self) -> str:
        inputs = self.spec.inputs
        if self.vectors is None or not isinstance(inputs, WordInputs):
            return ""
        words, has_vector = inputs.words, self.vectors.any(dim=1)[2:]
        share = int(has_vector[: words.num_counted].sum()) / max(words.num_counted, 1)
        number, size = int(has_vector.sum()), inputs.vector_size
        return f"{number:,} word vectors of {size} numbers, for {share:.1%} of train's known words"


class Source(Protocol):
    """The object that `data:` in the configuration builds."""

    batching: Batching

    def load(self) -> Corpus:
        """Read the data, after downloading it if possible; raise DataError if it cannot be used."""


HELD_OUT_EVERY = 10

# Words in file names, between punctuation: train.txt, eng.testa, wnut17-dev.conll.
NAMES = {
    "train": {"train", "training"},
    "dev": {"dev", "valid", "val", "validation", "testa"},
    "test": {"test", "testb"},
}


def hold_out(num_sequences: int, offset: int = 0) -> Tensor:
    """(num_sequences,) bool: every tenth sequence, at least one; `offset` from 0 to 9 shifts the choice.

    The choice depends on nothing else, so that runs can be compared.
    """
    last = max(min(HELD_OUT_EVERY, num_sequences) - 1 - offset, 0)
    chosen = torch.zeros(num_sequences, dtype=torch.bool)
    chosen[last::HELD_OUT_EVERY] = True
    return chosen


def take_from_train(
    num_sequences: int, present: Collection[str], unit: str, path: Path
) -> tuple[dict[str, Tensor], list[str]]:
    """Which sequences of train stay in train, and which are used for the splits that are missing.

    Args:
        num_sequences: in train.
        present: the names of the splits that exist.
        unit: what messages call a sequence.
        path: of train, for messages.

    Returns:
        For train and each missing split (num_sequences,) bool; and a sentence on each missing split.

    Raises:
        DataError: train is too small.
    """
    missing = [split for split in SPLITS if split not in present]
    if num_sequences <= len(missing):
        problem = f"{num_sequences} {unit}s are too few to keep some for {' and '.join(missing)}"
        raise DataError(problem, path)
    taken = {split: hold_out(num_sequences, offset) for offset, split in enumerate(missing)}
    rest = torch.ones(num_sequences, dtype=torch.bool)
    for chosen in taken.values():
        rest &= ~chosen
    notes = [
        f"no {split} split: every tenth {unit} of {path.name}, {int(chosen.sum())} in all, is used as {split}"
        " and not for training"
        for split, chosen in taken.items()
    ]
    return {"train": rest, **taken}, notes


def find_split_files(path: Path) -> dict[str, Path]:
    """The file of each split in a folder; a single file is train.

    Raises:
        DataError: there is no file of train, or several files of one split.
    """
    if not path.is_dir():
        return {"train": path}
    found: dict[str, Path] = {}
    for file in sorted(each for each in path.iterdir() if not each.name.startswith(".")):
        split = split_of(file)
        if split in found:
            raise DataError(f"two files of {split}: {found[split].name}, {file.name}; keep one", path)
        if split is not None:
            found[split] = file
    if "train" not in found:
        raise DataError("no file with train in its name, as in train.txt; dev and test may be missing", path)
    return found


def split_of(path: Path) -> str | None:
    """The split that the name of a file or folder contains; None if there is none in it."""
    words = set(re.split(r"[\W_]+", path.name.lower()))
    return next((split for split in SPLITS if words & NAMES[split]), None)

"""The interface of every source of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

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
    """What a dataset may define beside: names of the time steps, such as the words of a sentence."""

    def words(self, index: int) -> list[str]:
        """Those of one sequence."""


class Order(Protocol):
    """The batches of a training, epoch by epoch: what `batch` of the dataset is given for each."""

    def __len__(self) -> int:
        """Batches of one epoch for this process, the same in every epoch."""

    def batches(self, epoch: int) -> Sequence[Any]:
        """Those of one epoch, a function of nothing but the seed and `epoch`."""


@runtime_checkable
class OwnOrder(Protocol):
    """What a dataset may define beside: how it is batched, where not by the lengths of its sequences."""

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
        if isinstance(split, OwnOrder):  # whose sequences are pieces, for those who look at a few
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

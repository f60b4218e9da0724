"""Iterables of batches for training and evaluation loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from seqtrain.data.batching.sampler import BatchSampler
from seqtrain.data.corpus import Dataset
from seqtrain.records import SequenceBatch


class FixedLoader:
    """The same batches in the same order each time; `batches` has the indices of the sequences of each."""

    def __init__(self, dataset: Dataset, batches: Sequence[Tensor]) -> None:
        self._dataset, self.batches = dataset, batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[SequenceBatch]:
        return map(self._dataset.batch, self.batches)


class BatchLoader:
    """The batches of one epoch after another, resumable after any batch.

    A pass over the loader is an epoch. The trainer sets its number with `set_epoch`; otherwise every pass has
    the number after that of the pass before. A pass begins when its first batch is requested, so that
    creating an iterator without using it, as Lightning does, has no effect.
    """

    def __init__(self, dataset: Dataset, sampler: BatchSampler) -> None:
        self._dataset, self._batch_sampler = dataset, sampler
        self._epoch = 0
        self._given = 0  # batches of this epoch that have been yielded
        self._resuming = False  # the next pass continues after them

    def __len__(self) -> int:
        return len(self._batch_sampler)

    def __iter__(self) -> Iterator[SequenceBatch]:
        if self._given and not self._resuming:
            self.set_epoch(self._epoch + 1)
        self._resuming = False
        for indices in self._batch_sampler.batches(self._epoch)[self._given :]:
            self._given += 1
            yield self._dataset.batch(indices)

    @property
    def sampler(self) -> BatchLoader:
        """Itself: Lightning calls `loader.sampler.set_epoch` before each epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Start `epoch` from its beginning in the next pass; the current epoch is not restarted."""
        if epoch != self._epoch:
            self._epoch, self._given, self._resuming = epoch, 0, False

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self._epoch, "batches_given": self._given}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._epoch, self._given = state["epoch"], state["batches_given"]
        self._resuming = True

"""Where data meets Lightning."""

from __future__ import annotations

import math

import pytorch_lightning as pl
import torch

from seqtrain.data.batching.loader import (
    BatchLoader,
    FixedLoader,
    evaluation_batches,
    training_order,
)
from seqtrain.data.corpus import Corpus, Source
from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec


class SequenceDataModule(pl.LightningDataModule):
    """Loads a source once and provides its batches; `seed` determines their order."""

    def __init__(self, source: Source, seed: int) -> None:
        super().__init__()
        self._source, self._seed = source, seed
        self._corpus: Corpus | None = None

    def recall(self, spec: DataSpec) -> None:
        """Before `setup`, let the source take from a checkpoint's spec what it would read from files.

        So far these are the words of word vectors; a source without a method `recall` reads everything.
        """
        if hasattr(self._source, "recall"):
            self._source.recall(spec)

    def prepare_data(self) -> None:
        # Runs on one process per machine before the others load, so that one of them downloads.
        self.setup()

    def setup(self, stage: str | None = None) -> None:
        if self._corpus is None:
            self._corpus = self._source.load()

    @property
    def corpus(self) -> Corpus:
        if self._corpus is None:
            raise RuntimeError("call setup() before asking for the data")
        return self._corpus

    @property
    def spec(self) -> DataSpec:
        return self.corpus.spec

    def suitable_epochs(self, batches_per_step: int, limit: int | float = 1.0) -> int | None:
        """The passes over train that suit the data, see `Batching`; None if the source does not define it.

        Args:
            batches_per_step: processes times accumulated batches.
            limit: the batches, or the share of them, that an epoch is limited to.
        """
        batching = self._source.batching
        if batching.epochs is None:
            return None
        num_batches = len(training_order(self.corpus.splits["train"], batching, self._seed))
        num_batches = min(num_batches, limit) if isinstance(limit, int) else int(num_batches * limit)
        steps_per_epoch = max(1, num_batches // batches_per_step)
        return max(batching.epochs, math.ceil(batching.min_steps / steps_per_epoch))

    def train_dataloader(self) -> BatchLoader | FixedLoader:
        train = self.corpus.splits["train"]
        order = training_order(train, self._source.batching, self._seed, *self._rank_and_world_size())
        if getattr(self.trainer, "overfit_batches", 0):
            return FixedLoader(train, order.batches(0))  # "overfit" means the same batches in each epoch
        return BatchLoader(train, order)

    def val_dataloader(self) -> FixedLoader:
        return self._evaluation_loader("dev")

    def test_dataloader(self) -> FixedLoader:
        return self._evaluation_loader("test")

    def transfer_batch_to_device(
        self, batch: SequenceBatch, device: torch.device, dataloader_idx: int
    ) -> SequenceBatch:
        if device.type == "cuda":
            batch = batch.pin_memory()
        return batch.to(device, non_blocking=True)

    def _evaluation_loader(self, split: str) -> FixedLoader:
        dataset, ranks = self.corpus.splits[split], self._rank_and_world_size()
        return FixedLoader(dataset, evaluation_batches(dataset, self._source.batching, *ranks))

    def _rank_and_world_size(self) -> tuple[int, int]:
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

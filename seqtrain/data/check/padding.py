"""How much of a padded batch is padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.data.batching.sampler import BatchSampler
from seqtrain.data.corpus import Batching


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

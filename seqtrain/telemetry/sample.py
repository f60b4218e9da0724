"""A fixed sample of validation sequences, and the networks that are run on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import nn

from seqtrain.data.corpus import Corpus
from seqtrain.model.backbone import recurrent_module
from seqtrain.model.ensemble import Ensemble
from seqtrain.model.network import Network
from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec
from seqtrain.telemetry.places import name_members


@dataclass(frozen=True)
class Sample:
    """Some validation sequences as one batch; `words` are those of each sentence, None for vectors."""

    batch: SequenceBatch
    spec: DataSpec
    words: list[list[str]] | None


def draw_sample(trainer: pl.Trainer, num_sequences: int, max_steps: int | None = None) -> Sample | None:
    """`num_sequences` of the dev split at even distances: always the same ones.

    Args:
        trainer: with the data module of a training.
        num_sequences: the maximum number of sequences.
        max_steps: of all sequences together, the padding included; the first sequence is always there.

    Returns:
        None where the trainer has no data module with a dev split.
    """
    corpus = getattr(getattr(trainer, "datamodule", None), "corpus", None)
    if corpus is None:
        return None
    lengths = corpus.splits["dev"].lengths
    indices = spread_evenly(range(len(lengths)), num_sequences)
    if max_steps is not None:
        longest = int(lengths[indices].max())
        indices = indices[: max(1, max_steps // longest)]
    return take_sample(corpus, indices)


def take_sample(corpus: Corpus, indices: list[int]) -> Sample:
    """These sequences of the dev split."""
    dev: Any = corpus.splits["dev"]
    words = [dev.words(index) for index in indices] if hasattr(dev, "words") else None
    return Sample(dev.batch(indices), corpus.spec, words)


def spread_evenly(indices: Sequence[int], num: int) -> list[int]:
    """`num` of them at even distances, or all if there are no more."""
    num = min(num, len(indices))
    return [indices[place * len(indices) // num] for place in range(num)]


def members_of(pl_module: pl.LightningModule) -> list[tuple[str, Network]]:
    """The networks of a learner, each with the prefix of its tags."""
    network = pl_module.network
    members = list(network.members) if isinstance(network, Ensemble) else [network]
    return list(zip(name_members(len(members)), cast(list[Network], members), strict=True))


def traced_module(network: Network) -> Any:
    """The module with the weights of the recurrence; None where it is none that can be traced."""
    try:
        return recurrent_module(network.backbone)
    except (TypeError, ValueError):
        return None


@contextmanager
def looking_at(network: nn.Module, with_gradients: bool = False) -> Iterator[None]:
    """Without dropout, and with a graph only where gradients are asked for, also inside a validation."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        with torch.inference_mode(False), torch.set_grad_enabled(with_gradients):
            yield
    finally:
        for module in training:
            module.training = True

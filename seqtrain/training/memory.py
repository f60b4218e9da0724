"""How much memory a training step takes, and what happens to it between two steps."""

from __future__ import annotations

import ctypes
import platform
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqtrain.model import Ensemble, Network
from seqtrain.records import SequenceBatch

MOST_POSITIONS = 1 << 15  # of the batch that is run
FEWEST_STEPS = 64
COPIES = 4  # of every weight: itself, its gradient, and the two moments that Adam keeps
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT_BYTES = 1 << 30
MAX_OLD_THRESHOLD = 1 << 25  # the highest M_MMAP_THRESHOLD that older versions of glibc accept


def keep_freed_memory() -> None:
    """Let this process keep memory that it has freed, up to a GiB, where the C library is glibc.

    By default what large tensors took goes back to the operating system, and the next step has to ask for it
    again, page by page. Results do not depend on it. See mallopt(3).
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        for threshold in (KEPT_BYTES, MAX_OLD_THRESHOLD):
            if library.mallopt(M_MMAP_THRESHOLD, threshold):
                break
        library.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


@dataclass(frozen=True)
class StepMemory:
    """Bytes of a training step: weights, gradients and optimizer; and what is kept for the backward pass."""

    weights: int
    activations: int

    @property
    def total(self) -> int:
        return self.weights + self.activations


def measure_memory(network: Network | Ensemble, batch: SequenceBatch) -> StepMemory:
    """Run the forward pass of one batch, and count each tensor that it keeps for the backward pass once.

    What is kept grows linearly with the time steps: of a batch with many positions only two beginnings are
    run. Temporary tensors of single operators are not counted, nor is what the allocator keeps in reserve.
    """
    parameters = list(network.parameters())
    trained = sum(each.numel() * each.element_size() for each in parameters if each.requires_grad)
    frozen = sum(each.numel() * each.element_size() for each in parameters if not each.requires_grad)
    steps = int(batch.lengths.max())
    most = max(MOST_POSITIONS // len(batch), FEWEST_STEPS)
    activations = _measure_activations(network, batch.first_steps(most))
    if steps > most:
        half = _measure_activations(network, batch.first_steps(most // 2))
        activations += round((activations - half) / (most - most // 2) * (steps - most))
    return StepMemory(COPIES * trained + frozen, activations)


def _measure_activations(network: Network | Ensemble, batch: SequenceBatch) -> int:
    weights = {each.untyped_storage().data_ptr() for each in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    network.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, _unchanged):
        loss_sum, *_ = network.training_loss(batch)
    del loss_sum
    return sum(kept.values())


def _unchanged(tensor: Any) -> Any:
    return tensor

"""How much memory a training step takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqtrain.model import Ensemble, Network
from seqtrain.records import SequenceBatch

MOST_POSITIONS = 1 << 15  # of the batch that is run
FEWEST_STEPS = 64
COPIES = 4  # of every weight: itself, its gradient, and the two moments that Adam keeps


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

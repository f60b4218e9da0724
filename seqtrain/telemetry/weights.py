"""Norms of the recurrent weights, of their gradients and of their updates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from seqtrain.recurrence.trace import find_cell
from seqtrain.telemetry.places import name_place
from seqtrain.telemetry.sample import members_of, recurrent_module
from seqtrain.telemetry.sink import sink_of
from seqtrain.telemetry.steps import has_stepped

# The gates of each cell in the order in which their rows lie in its matrices.
GATES: dict[str, tuple[str, ...]] = {
    "lstm": ("input", "forget", "cell", "output"),
    "lstm_layernorm": ("input", "forget", "cell", "output"),
    "lstm_peephole": ("input", "forget", "cell", "output"),
    "lstm_coupled": ("forget", "cell", "output"),
    "gru": ("reset", "update", "new"),
}
MATRICES = {"weight_ih": "W_ih", "weight_hh": "W_hh"}


class WeightTelemetry(pl.Callback):
    """Norms of the recurrent layers' matrices, by gate, every `every_n_steps` steps.

    `weights/layer0/forward/W_hh/forget/norm` is the Frobenius norm of the rows of one gate, `gradient_norm`
    that of their gradient before clipping, and `update` the norm of what the optimizer added to them in this
    step, relative to `norm`; about 0.001 is a healthy size. A plain RNN has one block of rows, and no name of
    a gate.

    Args:
        every_n_steps: optimizer steps between two measurements.
    """

    def __init__(self, every_n_steps: int) -> None:
        self.every_n_steps = every_n_steps
        self._before: dict[str, Tensor] = {}
        self._gradient_norms: dict[str, Tensor] = {}

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        if trainer.global_step % self.every_n_steps != 0:
            return
        for tag, rows, parameter in _blocks(pl_module):
            self._before[tag] = parameter.detach()[rows].clone()
            if parameter.grad is not None:
                self._gradient_norms[tag] = parameter.grad[rows].norm()

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not self._before or not has_stepped(trainer, batch_idx):
            return
        norms: dict[str, Tensor] = {}
        for tag, rows, parameter in _blocks(pl_module):
            norm = self._before[tag].norm()
            norms[f"{tag}/norm"] = norm
            norms[f"{tag}/update"] = (parameter[rows] - self._before[tag]).norm() / norm
            if tag in self._gradient_norms:
                norms[f"{tag}/gradient_norm"] = self._gradient_norms[tag]
        values = torch.stack(list(norms.values())).tolist()  # in one transfer
        sink_of(trainer).scalars(dict(zip(norms, values, strict=True)), trainer.global_step)
        self._before, self._gradient_norms = {}, {}


def _blocks(pl_module: pl.LightningModule) -> Iterator[tuple[str, slice, Tensor]]:
    """The rows of each gate in each matrix of each layer and direction: their tag, place and matrix."""
    for member, network in members_of(pl_module):
        rnn: Any = recurrent_module(network)
        if rnn is None:
            continue
        gates = GATES.get(find_cell(rnn).name, ("",))
        for layer in range(rnn.num_layers):
            for direction, suffix in enumerate(("", "_reverse") if rnn.bidirectional else ("",)):
                for matrix, short in MATRICES.items():
                    parameter = getattr(rnn, f"{matrix}_l{layer}{suffix}")
                    size = len(parameter) // len(gates)
                    for number, gate in enumerate(gates):
                        tag = f"weights/{member}{name_place(layer, direction)}/{short}/{gate}".rstrip("/")
                        yield tag, slice(number * size, (number + 1) * size), parameter

"""Statistics of the final states, and norms of the recurrent weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from seqtrain.analysis.final_states import FinalStateStatistics
from seqtrain.analysis.places import name_place
from seqtrain.analysis.sample import traced_module
from seqtrain.recurrence.trace import collect_weights, find_cell
from seqtrain.training.telemetry.sink import sink_of
from seqtrain.training.telemetry.steps import has_stepped, is_due, members_of, step_output


class HiddenStateTelemetry(pl.Callback):
    """Statistics of h_n and c_n, per layer and direction, at each sequence's true last step.

    Those of training cover one batch, those of validation the whole split. Both have the same tags, so that
    TensorBoard shows them in one chart.

    Args:
        every_n_steps: optimizer steps between two measurements; in validation at least as many, and the
            first validation and that of the last epoch are always measured.
    """

    def __init__(self, every_n_steps: int) -> None:
        self.every_n_steps = every_n_steps
        self._validation: FinalStateStatistics | None = None
        self._last_step: int | None = None  # of a measurement in validation

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not has_stepped(trainer, batch_idx) or (trainer.global_step - 1) % self.every_n_steps != 0:
            return
        statistics = FinalStateStatistics()
        statistics.update(step_output(outputs))
        scalars, histograms = statistics.compute()
        sink = sink_of(trainer)
        sink.scalars(scalars, trainer.global_step)
        sink.histograms(histograms, trainer.global_step)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        is_measured = is_due(trainer, self._last_step, self.every_n_steps)
        self._validation = FinalStateStatistics(over_split=True) if is_measured else None

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self._validation is not None:
            self._validation.update(step_output(outputs))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or self._validation is None:
            return
        scalars, histograms = self._validation.compute()
        sink = sink_of(trainer)
        sink.scalars(scalars, trainer.global_step, validation=True)
        sink.histograms(histograms, trainer.global_step, validation=True)
        self._last_step = trainer.global_step

    def state_dict(self) -> dict[str, Any]:
        return {"last_step": self._last_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._last_step = state_dict["last_step"]


class WeightTelemetry(pl.Callback):
    """Norms of the recurrent layers' matrices, by gate, every `every_n_steps` steps.

    `weights/layer0/forward/W_hh/forget/norm` is the Frobenius norm of the rows of one gate, `gradient_norm`
    that of their gradient before clipping, and `update` the norm of what the optimizer added to them in this
    step, relative to `norm`; about 0.001 is a healthy size. The tags of a matrix that is not made of the rows
    of gates, as in a plain RNN, end in `W_hh/norm`.

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
        for place, gates, parameter in _matrices(pl_module):
            self._before[place] = parameter.detach().clone()
            if parameter.grad is not None:
                self._gradient_norms[place] = _norms_by_gate(parameter.grad, gates)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._before and has_stepped(trainer, batch_idx):
            self._log(trainer, pl_module)

    @torch.no_grad()
    def _log(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        tags: list[str] = []
        values: list[Tensor] = []
        for place, gates, parameter in _matrices(pl_module):
            norms = _norms_by_gate(self._before[place], gates)
            measured = {
                "norm": norms,
                "update": _norms_by_gate(parameter - self._before[place], gates) / norms,
            }
            if place in self._gradient_norms:
                measured["gradient_norm"] = self._gradient_norms[place]
            for name, value in measured.items():
                tags += [f"{place}/{gate}/{name}" if gate else f"{place}/{name}" for gate in gates]
                values.append(value)
        scalars = dict(zip(tags, torch.cat(values).tolist(), strict=True)) if tags else {}  # in one transfer
        sink_of(trainer).scalars(scalars, trainer.global_step)
        self._before, self._gradient_norms = {}, {}


def _norms_by_gate(matrix: Tensor, gates: tuple[str, ...]) -> Tensor:
    """The Frobenius norm of the rows of each gate: (gates * hidden_size, inputs) to (gates,)."""
    return torch.stack([rows.norm() for rows in matrix.chunk(len(gates))])


def _matrices(pl_module: pl.LightningModule) -> Iterator[tuple[str, tuple[str, ...], Tensor]]:
    """Each matrix of each layer and direction: its tag, the gates that its rows belong to, and itself."""
    for member, network in members_of(pl_module):
        rnn = traced_module(network)
        if rnn is None:
            continue
        cell = find_cell(rnn)
        for layer, directions in enumerate(collect_weights(rnn, cell)):
            for direction, weights in enumerate(directions):
                for name in filter(lambda name: weights[name].ndim == 2, weights):
                    place = f"weights/{member}{name_place(layer, direction)}/{tag_of(name)}"
                    yield place, cell.find_blocks(name) or ("",), weights[name]


def tag_of(matrix: str) -> str:
    """weight_hh is W_hh in tags."""
    return f"W_{matrix.removeprefix('weight_')}"

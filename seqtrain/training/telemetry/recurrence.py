"""What happens in the recurrence: final states and weights, gates and gradients at every step."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from seqtrain.analysis.final_states import FinalStateStatistics
from seqtrain.analysis.gates import gate_statistics
from seqtrain.analysis.gradients import (
    find_growth,
    find_reach,
    gradient_norms,
    gradient_statistics,
    gradient_through_time,
    norms_by_distance,
    trace_network,
)
from seqtrain.analysis.sample import Sample, draw_sample, has_loss_at_one_step, traced_module
from seqtrain.model.backbone import eval_mode, recurrent_module
from seqtrain.model.network import Network
from seqtrain.recurrence.trace import Trace, collect_weights, find_cell, name_direction
from seqtrain.training.steps import Pace, corpus_of, has_stepped, is_due, members_of, step_output
from seqtrain.training.telemetry.sink import Sink, sink_of


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
        _write(statistics, trainer, validation=False)

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
        _write(self._validation, trainer, validation=True)
        self._last_step = trainer.global_step

    def state_dict(self) -> dict[str, Any]:
        return {"last_step": self._last_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._last_step = state_dict["last_step"]


def _write(statistics: FinalStateStatistics, trainer: pl.Trainer, validation: bool) -> None:
    sink, step = sink_of(trainer), trainer.global_step
    scalars, histograms = statistics.compute()
    sink.scalars(scalars, step, validation=validation)
    sink.histograms(histograms, step, validation=validation)


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
        for tag, gates, parameter in _matrices(pl_module):
            self._before[tag] = parameter.detach().clone()
            if parameter.grad is not None:
                self._gradient_norms[tag] = _norms_by_gate(parameter.grad, gates)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._before and has_stepped(trainer, batch_idx):
            self._log(trainer, pl_module)

    @torch.no_grad()
    def _log(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        tags: list[str] = []
        values: list[Tensor] = []
        for tag, gates, parameter in _matrices(pl_module):
            norms = _norms_by_gate(self._before[tag], gates)
            updates = _norms_by_gate(parameter - self._before[tag], gates)
            measured = {"norm": norms, "update": updates / norms}
            if tag in self._gradient_norms:
                measured["gradient_norm"] = self._gradient_norms[tag]
            for name, value in measured.items():
                tags += [f"{tag}/{gate}/{name}" if gate else f"{tag}/{name}" for gate in gates]
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
                    tag = f"weights/{member}{name_direction(layer, direction)}/{tag_of(name)}"
                    yield tag, cell.find_blocks(name) or ("",), weights[name]


def tag_of(matrix: str) -> str:
    """weight_hh is W_hh in tags."""
    return f"W_{matrix.removeprefix('weight_')}"


log = logging.getLogger("seqtrain")

NUM_EXAMPLES = 2  # sequences whose states are drawn
# Numbers of h in a trace, which has about eight times as many with its gates and gradients.
MAX_STATES = 2**24


class RecurrenceTelemetry(pl.Callback):
    """Gates, memory lengths and gradients through time, after validations; now and then as figures.

    The sample runs through the weights of the backbone as `seqtrain.recurrence.trace` does it, whatever
    engine the training uses. Backbones that cannot be traced are left out.

    Args:
        every_n_steps: minimum number of optimizer steps between measurements, each after a validation.
            There is always one after the first validation and one at the end.
        num_sequences: of the validation data to trace; fewer if they are very long.
        gates: whether to log statistics of the gates, and the memory lengths that they imply.
        gradients: whether to log the gradient of the loss with respect to the states.
        figures: whether to draw states, gates and gradients over time (TensorBoard only).
    """

    def __init__(
        self, every_n_steps: int, num_sequences: int, gates: bool, gradients: bool, figures: bool
    ) -> None:
        self.every_n_steps = every_n_steps
        self.num_sequences = num_sequences
        self.gates = gates
        self.gradients = gradients
        self.figures = figures
        self._pace = Pace()
        self._sample: Sample | None = None
        self._last_step: int | None = None  # of a measurement

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._pace.start()
        if not trainer.is_global_zero:
            return
        _, first = members_of(pl_module)[0]
        try:
            recurrent_module(first.backbone)
        except (TypeError, ValueError) as error:
            log.info("no gates and no gradients through time are logged: %s", error)
            return
        corpus = corpus_of(trainer)
        if corpus is not None:
            self._sample = draw_sample(corpus, self.num_sequences, _max_steps(pl_module))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking:
            return
        with_figures = self._can_draw(trainer) and self._pace.is_due(trainer.global_step)
        if with_figures or is_due(trainer, self._last_step, self.every_n_steps):
            self._measure(trainer, pl_module, with_figures)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        with_figures = self._can_draw(trainer) and self._pace.last_step < trainer.global_step
        if with_figures or self._last_step != trainer.global_step:
            self._measure(trainer, pl_module, with_figures)

    def state_dict(self) -> dict[str, Any]:
        return {"pace": self._pace.state_dict(), "last_step": self._last_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # Checkpoints of versions that measured after every validation hold the state of the pace alone.
        self._pace.load_state_dict(state_dict.get("pace", state_dict))
        self._last_step = state_dict.get("last_step")

    def _can_draw(self, trainer: pl.Trainer) -> bool:
        return self.figures and sink_of(trainer).has_figures

    def _measure(self, trainer: pl.Trainer, pl_module: pl.LightningModule, with_figures: bool) -> None:
        if self._sample is None:
            return
        sink, step = sink_of(trainer), trainer.global_step
        batch = self._sample.batch.to(pl_module.device)
        for member, network in members_of(pl_module):
            with eval_mode(network, with_gradients=self.gradients):
                traced = trace_network(network, batch)
                norms = gradient_norms(network, batch, traced) if self.gradients else {}
                distances = norms_by_distance(network, batch, traced, norms) if self.gradients else {}
                means = {name: gradient_through_time(each) for name, each in distances.items()}
            if self._last_step != step:
                sink.scalars(self._scalars(member, network, traced, norms, means), step, validation=True)
            if with_figures:
                with self._pace.drawing(step):
                    _draw(sink, step, member, self._sample, traced, means)
        self._last_step = step

    def _scalars(
        self, member: str, network: Network, traced: Trace, norms: dict[str, Tensor], means: dict[str, Tensor]
    ) -> dict[str, float]:
        gates = gate_statistics(traced) if self.gates else {}
        gradients = gradient_statistics(norms, traced.lengths)
        gradients |= {f"{name}/growth": find_growth(by_step) for name, by_step in means.items()}
        if has_loss_at_one_step(network):
            gradients |= {f"{name}/reach": find_reach(by_step) for name, by_step in means.items()}
        scalars = {f"gates/{member}{name}": value for name, value in gates.items()}
        return scalars | {f"gradients/{member}{name}": value for name, value in gradients.items()}


def _max_steps(pl_module: pl.LightningModule) -> int:
    """The number of steps of all sequences together that keeps the memory of a trace bounded."""
    _, first = members_of(pl_module)[0]
    rnn = recurrent_module(first.backbone)
    return MAX_STATES // (int(rnn.hidden_size) * int(rnn.num_layers) * (2 if rnn.bidirectional else 1))


def _draw(
    sink: Sink, step: int, member: str, sample: Sample, traced: Trace, means: dict[str, Tensor]
) -> None:
    # The library is imported when something is drawn, not when a training starts.
    from seqtrain.analysis.figures.run import draw_gradients
    from seqtrain.analysis.figures.sequence import draw_gates, draw_states, names_of_gates
    from seqtrain.analysis.sample import choose_examples, read_example

    indices = choose_examples(traced.lengths, NUM_EXAMPLES)
    examples = [read_example(sample, traced, index) for index in indices]
    for number, example in enumerate(examples, start=1):
        sink.figure(f"states/{member}example{number}", draw_states(example), step, validation=True)
    if names_of_gates(examples[0]):
        sink.figure(f"gates/{member}example1", draw_gates(examples[0]), step, validation=True)
    if any(map(len, means.values())):
        sink.figure(f"gradients/{member}through time", draw_gradients(means), step, validation=True)

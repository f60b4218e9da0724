"""Gates and gradients at every step of the recurrence, on a fixed sample of validation sequences."""

from __future__ import annotations

import logging
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from seqtrain.analysis.gates import gate_statistics
from seqtrain.analysis.gradients import (
    gradient_norms,
    gradient_statistics,
    gradient_through_time,
    growth_statistics,
    has_loss_at_one_step,
    norms_by_distance,
    reach_statistics,
    trace_network,
)
from seqtrain.analysis.sample import (
    Sample,
    draw_sample,
)
from seqtrain.model.backbone import eval_mode, recurrent_module
from seqtrain.model.network import Network
from seqtrain.recurrence.trace import Trace
from seqtrain.training.telemetry.sink import Sink, sink_of
from seqtrain.training.telemetry.steps import Pace, corpus_of, is_due, members_of

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
        with_figures = self._draws(trainer) and self._pace.is_due(trainer.global_step)
        if with_figures or is_due(trainer, self._last_step, self.every_n_steps):
            self._look(trainer, pl_module, with_figures)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        with_figures = self._draws(trainer) and self._pace.last_step < trainer.global_step
        if with_figures or self._last_step != trainer.global_step:
            self._look(trainer, pl_module, with_figures)

    def state_dict(self) -> dict[str, Any]:
        return {"pace": self._pace.state_dict(), "last_step": self._last_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # Checkpoints of versions that measured after every validation hold the state of the pace alone.
        self._pace.load_state_dict(state_dict.get("pace", state_dict))
        self._last_step = state_dict.get("last_step")

    def _draws(self, trainer: pl.Trainer) -> bool:
        return self.figures and sink_of(trainer).has_figures

    def _look(self, trainer: pl.Trainer, pl_module: pl.LightningModule, with_figures: bool) -> None:
        if self._sample is None:
            return
        sink, step = sink_of(trainer), trainer.global_step
        batch = self._sample.batch.to(pl_module.device)
        for member, network in members_of(pl_module):
            with eval_mode(network, with_gradients=self.gradients):
                traced = trace_network(network, batch)
                norms = gradient_norms(network, batch, traced) if self.gradients else {}
                distances = norms_by_distance(network, batch, traced, norms) if self.gradients else {}
                means = {place: gradient_through_time(each) for place, each in distances.items()}
            if self._last_step != step:
                sink.scalars(self._scalars(member, network, traced, norms, means), step, validation=True)
            if with_figures:
                with self._pace.drawing(step):
                    _draw(sink, step, member, self._sample, traced, means)
        self._last_step = step

    def _scalars(
        self,
        member: str,
        network: Network,
        traced: Trace,
        norms: dict[str, Tensor],
        means: dict[str, Tensor],
    ) -> dict[str, float]:
        gates = gate_statistics(traced) if self.gates else {}
        gradients = gradient_statistics(norms, traced.lengths)
        gradients |= growth_statistics(means)
        if has_loss_at_one_step(network):
            gradients |= reach_statistics(means)
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
    from seqtrain.analysis.example import choose_examples, read_example
    from seqtrain.analysis.figures.curves import draw_gradients
    from seqtrain.analysis.figures.sequence import draw_gates, draw_states, names_of_gates

    examples = [
        read_example(sample, traced, place) for place in choose_examples(traced.lengths, NUM_EXAMPLES)
    ]
    for number, example in enumerate(examples, start=1):
        sink.figure(f"states/{member}example{number}", draw_states(example), step, validation=True)
    if names_of_gates(examples[0]):
        sink.figure(f"gates/{member}example1", draw_gates(examples[0]), step, validation=True)
    if any(map(len, means.values())):
        figure = draw_gradients(means)
        sink.figure(f"gradients/{member}through time", figure, step, validation=True)

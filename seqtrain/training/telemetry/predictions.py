"""Predictions on validation data: what the task draws of them, final states, texts of a language model."""

from __future__ import annotations

import itertools
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor

from seqtrain.analysis.sample import Sample, answer_sample, draw_sample, spread_evenly, take_sample
from seqtrain.data import View, encode_tokens
from seqtrain.data.tokens import first_token
from seqtrain.model.backbone import eval_mode
from seqtrain.model.generation import Sampling, generate
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.spec import ImageInputs, NextToken, SequenceClasses, TokenInputs
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.steps import Pace, corpus_of, members_of, step_output
from seqtrain.training.telemetry.sink import Sink, sink_of


class PredictionTelemetry(pl.Callback):
    """What the task draws of a validation now and then, and a projector at the end of the training.

    All of it needs TensorBoard. What is drawn is the task's own business, see `seqtrain.tasks.Task.draw`: of
    classes the confusions, and the most confident mistakes in the whole validation split, in processes that
    train together in the first one's share of it. The projector has a sample.

    Args:
        num_sequences: the size of the sample, and the most sequences that the task draws.
        confusions: whether to draw the confusion matrix.
        mistakes: whether to show the most confident mistakes: sentences as text, images as images.
        projector: whether to write the final states of the last layer, with labels, for the projector.
    """

    def __init__(self, num_sequences: int, confusions: bool, mistakes: bool, projector: bool) -> None:
        self.num_sequences = num_sequences
        self.hidden = {
            name for name, is_shown in (("confusions", confusions), ("mistakes", mistakes)) if not is_shown
        }
        self.projector = projector
        self._pace = Pace()
        self._sample: Sample | None = None
        self._worth_showing: list[Tensor] = []  # (batch,) bool for each batch of the last validation

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._pace.start()
        corpus = corpus_of(trainer)
        if sink_of(trainer).has_figures and corpus is not None:
            self._sample = draw_sample(corpus, self.num_sequences)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._worth_showing = []

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: SequenceBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        predictions = step_output(outputs).predictions
        if self._sample is not None and predictions is not None and batch.targets is not None:
            task = cast(SequenceLearner, pl_module).task
            self._worth_showing.append(task.worth_showing(batch, predictions))

    # Not at the end of the epoch, when the learner has yet to add up the metrics of all processes.
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking and self._pace.is_due(trainer.global_step):
            self._draw(trainer, pl_module, projector=False)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._draw(trainer, pl_module, projector=self.projector)

    def state_dict(self) -> dict[str, Any]:
        return self._pace.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._pace.load_state_dict(state_dict)

    def _draw(self, trainer: pl.Trainer, pl_module: pl.LightningModule, projector: bool) -> None:
        sample, step = self._sample, trainer.global_step
        if sample is None:
            return
        is_new = self._pace.last_step < step
        with self._pace.drawing(step):
            if is_new:
                chosen = self._choose(trainer) or sample
                _draw_task(sink_of(trainer), step, chosen, cast(SequenceLearner, pl_module), self.hidden)
            if projector:
                _project(sink_of(trainer), sample, pl_module)

    def _choose(self, trainer: pl.Trainer) -> Sample | None:
        """Sequences of the dev split that are worth showing, at even distances."""
        batches: list[Any] = getattr(cast(Any, trainer).val_dataloaders, "batches", [])
        if not batches or not self._worth_showing or not isinstance(batches[0], Tensor):
            return None  # pieces of streams are not sequences by index
        seen = torch.cat(batches[: len(self._worth_showing)])
        indices: list[int] = seen[torch.cat(self._worth_showing).cpu()].tolist()
        if not indices:
            return None
        return take_sample(cast(Any, trainer).datamodule.corpus, spread_evenly(indices, self.num_sequences))


def _draw_task(sink: Sink, step: int, sample: Sample, learner: SequenceLearner, hidden: set[str]) -> None:
    answered = answer_sample(learner.network, sample, learner.device)
    for name, shown in learner.task.draw(answered, learner.metrics("val")).items():
        tag = f"predictions/{name}"
        if name in hidden:
            continue
        if isinstance(shown, str):
            sink.text(tag, shown, step, validation=True)
        else:
            sink.figure(tag, shown, step, validation=True)


def _project(sink: Sink, sample: Sample, pl_module: pl.LightningModule) -> None:
    """The summaries of the sequences by the first member: for torch's layers, their final states."""
    _, network = members_of(pl_module)[0]
    with eval_mode(network):
        _, (output,) = network(sample.batch.to(pl_module.device))
    images, inputs = None, sample.spec.inputs
    if isinstance(inputs, ImageInputs):
        images = View.of(inputs).to_images(cast(Tensor, sample.batch.inputs).float())
    sink.embedding("final_states", output.summary.float().cpu(), _name_sequences(sample), images)


def _name_sequences(sample: Sample) -> list[str]:
    if sample.words is not None:
        return [" ".join(words) for words in sample.words]
    targets, known = cast(Tensor, sample.batch.targets), sample.spec.targets
    if not isinstance(known, SequenceClasses):  # a target for each time step names no sequence
        return [f"sequence {number}" for number in range(1, len(targets) + 1)]
    return ["unknown" if target == IGNORED else known.names[target] for target in targets.tolist()]


class GeneratedText(pl.Callback):
    """What the network writes after each validation, in TensorBoard's text tab; only of a language model.

    All samples are drawn with the same random numbers, so that what differs is the network.

    Args:
        length: characters or words.
        temperature: see `seqtrain.model.generation.Sampling`.
    """

    def __init__(self, length: int, temperature: float) -> None:
        self.length = length
        self.temperature = temperature

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero or not sink_of(trainer).has_figures:
            return
        learner = cast(SequenceLearner, pl_module)
        inputs = learner.spec.inputs
        if not isinstance(learner.spec.targets, NextToken) or not isinstance(inputs, TokenInputs):
            return
        prompt = encode_tokens(inputs.tokens, [first_token(inputs)])
        generator = torch.Generator().manual_seed(0)
        with eval_mode(learner.network):
            tokens = generate(learner.network, prompt, Sampling(self.temperature), generator)
            text = "".join(map(inputs.tokens.name, itertools.islice(tokens, self.length)))
        lines = "\n".join(f"    {line}" for line in text.splitlines())  # as it is, in Markdown
        sink_of(trainer).text("generated", lines, trainer.global_step, validation=True)

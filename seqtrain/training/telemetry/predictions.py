"""Predictions on validation data: confusion matrix, most confident mistakes and final states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor

from seqtrain.analysis.mistakes import Mistake, find_mistakes, list_sentences
from seqtrain.analysis.sample import (
    Sample,
    draw_sample,
    looking_at,
    spread_evenly,
    take_sample,
)
from seqtrain.data.view import View
from seqtrain.model.network import Head
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.spec import Classes, ImageInputs, SequenceClasses
from seqtrain.tasks.metrics import count_confusions
from seqtrain.tasks.task import Task
from seqtrain.training.telemetry.sink import Sink, sink_of
from seqtrain.training.telemetry.steps import Pace, corpus_of, members_of, step_output

NUM_MISTAKES = 12


class PredictionTelemetry(pl.Callback):
    """Confusion matrix and most confident mistakes now and then, and a projector at the end of the training.

    All of it needs TensorBoard; confusions and mistakes are those of classes, on the whole validation split,
    in processes that train together on the first one's share; final states are those of a sample.

    Args:
        num_sequences: of the sample, and at most of the sequences with a mistake that are compared.
        confusions: whether to draw the confusion matrix.
        mistakes: whether to show the most confident mistakes: sentences as text, images as images.
        projector: whether to write the final states of the last layer, with labels, for the projector.
    """

    def __init__(self, num_sequences: int, confusions: bool, mistakes: bool, projector: bool) -> None:
        self.num_sequences = num_sequences
        self.confusions = confusions
        self.mistakes = mistakes
        self.projector = projector
        self._pace = Pace()
        self._sample: Sample | None = None
        self._counts: Tensor | None = None  # (targets, predictions), of the last validation
        self._are_wrong: list[Tensor] = []  # (batch,) bool of each of its batches: sequences with a mistake

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._pace.start()
        corpus = corpus_of(trainer)
        if sink_of(trainer).has_figures and corpus is not None:
            self._sample = draw_sample(corpus, self.num_sequences)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._counts, self._are_wrong = None, []

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
        if self._sample is None or predictions is None or batch.targets is None:
            return
        targets = self._sample.spec.targets
        if not isinstance(targets, Classes):
            return
        if self.mistakes:
            self._are_wrong.append(are_wrong(batch.targets, predictions))
        if self.confusions:
            counts = count_confusions(batch.targets, predictions, len(targets.names))
            self._counts = counts if self._counts is None else self._counts + counts

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking and self._pace.is_due(trainer.global_step):
            self._draw(trainer, pl_module, projector=False)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._draw(trainer, pl_module, projector=self.projector)

    def state_dict(self) -> dict[str, Any]:
        return self._pace.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._pace.load_state_dict(state_dict)

    def _draw(self, trainer: pl.Trainer, pl_module: pl.LightningModule, projector: bool) -> None:
        sink, step = sink_of(trainer), trainer.global_step
        sample = self._sample
        if sample is None:
            return
        is_new = self._pace.last_step < step
        with self._pace.drawing(step):
            if is_new and self._counts is not None:
                _draw_confusions(sink, step, self._counts, _names_of(sample))
            if is_new and self._are_wrong:
                indices = _indices_of(trainer, self._are_wrong)
                _show_mistakes(trainer, pl_module, spread_evenly(indices, self.num_sequences))
            if is_new:
                _draw_task(sink, step, sample, pl_module)
            if projector:
                _project(sink, sample, pl_module)


def _draw_task(sink: Sink, step: int, sample: Sample, pl_module: pl.LightningModule) -> None:
    """The figures of the task itself."""
    network, task = cast(Any, pl_module.network), cast(Task, pl_module.task)
    batch = sample.batch.to(pl_module.device)
    with looking_at(network):
        scores, _ = network(batch)
        predictions = network.head.decode(scores, batch.lengths)
    for name, figure in task.draw(batch.to("cpu"), predictions.cpu(), sample.spec).items():
        sink.figure(f"predictions/{name}", figure, step, validation=True)


def are_wrong(targets: Tensor, predictions: Tensor) -> Tensor:
    """(batch,) bool: whether a sequence has a wrong prediction. Nothing is read back from the device."""
    wrong = (targets != IGNORED) & (predictions != targets)
    return wrong if wrong.ndim == 1 else wrong.any(dim=1)


def _indices_of(trainer: pl.Trainer, chosen: list[Tensor]) -> list[int]:
    """The places in the dev split of the chosen sequences of each batch of a validation."""
    batches: list[Tensor] = cast(Any, trainer).val_dataloaders.batches[: len(chosen)]
    indices: list[int] = torch.cat(batches)[torch.cat(chosen).cpu()].tolist()
    return indices


def _names_of(sample: Sample) -> tuple[str, ...]:
    targets = sample.spec.targets
    assert isinstance(targets, Classes)
    return targets.names


def _draw_confusions(sink: Sink, step: int, counts: Tensor, names: Sequence[str]) -> None:
    from seqtrain.analysis.figures.predictions import draw_confusions

    sink.figure("predictions/confusions", draw_confusions(counts.cpu(), names), step, validation=True)


def _show_mistakes(trainer: pl.Trainer, pl_module: pl.LightningModule, indices: list[int]) -> None:
    """The most confident ones in these sequences of the dev split."""
    if not indices:
        return
    sink, step = sink_of(trainer), trainer.global_step
    sample = take_sample(cast(Any, trainer).datamodule.corpus, indices)
    mistakes = _find(sample, pl_module)
    if not mistakes:  # rounded otherwise in another batch, they were none
        return
    if sample.words is not None:
        sink.text("mistakes", list_sentences(mistakes, sample.words), step, validation=True)
    elif isinstance(sample.spec.inputs, ImageInputs):
        from seqtrain.analysis.figures.predictions import draw_mistakes

        inputs = cast(Tensor, sample.batch.inputs)[[mistake.sequence for mistake in mistakes]]
        titles = [f"{m.target} > {m.prediction} ({m.confidence:.0%})" for m in mistakes]
        figure = draw_mistakes(View.of(sample.spec.inputs).to_images(inputs.cpu().float()), titles)
        sink.figure("predictions/most confident mistakes", figure, step, validation=True)


def _find(sample: Sample, pl_module: pl.LightningModule) -> list[Mistake]:
    network: Any = pl_module.network
    batch = sample.batch.to(pl_module.device)
    with looking_at(network):
        scores, _ = network(batch)
        head = cast(Head, network.head)
        predictions = head.decode(scores, batch.lengths)
        confidences = head.confidences(scores, predictions, batch.lengths)
    assert batch.targets is not None
    return find_mistakes(
        batch.targets.cpu(), predictions.cpu(), confidences.cpu(), _names_of(sample), NUM_MISTAKES
    )


def _project(sink: Sink, sample: Sample, pl_module: pl.LightningModule) -> None:
    """The summaries of the sequences by the first member: for torch's layers, their final states."""
    _, network = members_of(pl_module)[0]
    with looking_at(network):
        _, (output,) = network(sample.batch.to(pl_module.device))
    images, inputs = None, sample.spec.inputs
    if isinstance(inputs, ImageInputs):
        images = View.of(inputs).to_images(cast(Tensor, sample.batch.inputs).cpu().float())
    sink.embedding("final_states", output.summary.float().cpu(), _name_sequences(sample), images)


def _name_sequences(sample: Sample) -> list[str]:
    if sample.words is not None:
        return [" ".join(words) for words in sample.words]
    targets, known = cast(Tensor, sample.batch.targets), sample.spec.targets
    if not isinstance(known, SequenceClasses):  # a target for each time step names no sequence
        return [f"sequence {place + 1}" for place in range(len(targets))]
    return ["unknown" if target == IGNORED else known.names[target] for target in targets.tolist()]

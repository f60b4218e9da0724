"""A trained network over a dataset: what it predicts, and what its recurrence does at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from seqtrain.analysis.figures.forecasts import SeriesWindow, read_windows
from seqtrain.analysis.gradients import Distances, norms_by_distance, reach, walk_norms
from seqtrain.analysis.sample import Array, Example, read_inputs, stack_signals, to_array
from seqtrain.data import Dataset, View, sorted_batches
from seqtrain.data.corpus import NamedSteps
from seqtrain.errors import InputError
from seqtrain.model import Network
from seqtrain.model.backbone import recurrent_module
from seqtrain.predictions import check_probabilities
from seqtrain.records import SequenceBatch, are_of_steps, hide, valid_steps
from seqtrain.recurrence.cells import Gate
from seqtrain.recurrence.trace import trace
from seqtrain.spec import DataSpec, Horizon, ImageInputs

BATCH_SIZE = 32  # sequences; the graph of every step is kept for the gradients


@dataclass(frozen=True, kw_only=True)
class ExaminedExample(Example):
    """One sequence with the network's answers, and with gradients.

    The signal "gradient" is dL/dh_t of the sequence's own loss; where its targets are unknown, the
    predictions are taken for them, or numbers 1 below them. States and gates of another size than h are left
    out: the page shows units. `targets`, `predictions` and `confidences` have an entry for each step, or a
    single one for the whole sequence: of classes their ids, of several numbers a tuple.

    By the definitions of `seqtrain.analysis.gradients`: `by_distance` has the norms of dL/dh by the distance
    from the loss L of one step, by `layer0/forward`. `reach` (layers, directions, time, time) is given for a
    class per step, unless the sequence is very long. `weights` are those of the steps in what a class was
    read from, see `LabelHead.step_weights`; empty where none are chosen. `windows` are the series of a window
    with their forecasts.
    """

    image: Array | None  # (height, width), 0 to 1
    targets: tuple[Any, ...] | None
    predictions: tuple[Any, ...]
    confidences: tuple[float, ...]
    by_distance: dict[str, Array]
    reach: Array | None
    weights: tuple[float, ...] = ()
    windows: tuple[SeriesWindow, ...] = ()


@dataclass(frozen=True)
class _Observation:
    """A batch with what the head answers, and with its signals, (layers, directions, batch, time, hidden)."""

    batch: SequenceBatch
    predictions: Tensor
    confidences: Tensor
    signals: dict[str, Array]
    gates: tuple[Gate, ...]
    distances: dict[str, Distances]
    reach: Array | None
    weights: Tensor | None
    quantiles: dict[float, Tensor]


def examine(
    network: Network, spec: DataSpec, dataset: Dataset, indices: Sequence[int], origin: str
) -> list[ExaminedExample]:
    """Run the network, in evaluation mode, over the sequences at `indices`.

    Args:
        network: its backbone is a recurrent module that can be traced.
        spec: of the data that the network was trained on.
        dataset: the sequences, with or without targets.
        indices: which of them, in the order of the answer.
        origin: what the dataset is called in the examples' names.

    Raises:
        RunError: a score is nan or infinite.
        InputError: the backbone cannot be traced.
    """
    try:
        rnn = recurrent_module(network.backbone)
    except (TypeError, ValueError) as error:
        raise InputError(f"model: {error}") from None
    network.eval()
    examples: dict[int, ExaminedExample] = {}
    for chosen in sorted_batches(dataset.lengths[list(indices)], BATCH_SIZE):
        of_batch = [indices[position] for position in chosen.tolist()]
        observation = _observe(network, rnn, dataset.batch(of_batch))
        windows = _read_windows(observation, spec)
        for row, index in enumerate(of_batch):
            words = tuple(dataset.words(index)) if isinstance(dataset, NamedSteps) else None
            example = _read(observation, row, f"{origin} {index + 1}", words, spec)
            examples[index] = replace(example, windows=windows[row]) if windows else example
    return [examples[index] for index in indices]


def _observe(network: Network, rnn: nn.Module, batch: SequenceBatch) -> _Observation:
    head: Any = network.head
    with torch.enable_grad():
        traced = trace(rnn, network.encoder(batch.inputs), batch.lengths)
        scores = head(traced.output, traced.summary, batch.lengths)
        predictions = head.decode(scores, batch.lengths)
        targets = _assume_targets(predictions, batch) if batch.targets is None else batch.targets
        gradients = traced.state_gradients(head.loss_sum(scores, targets, batch.lengths))
        norms = walk_norms(gradients, batch.lengths)
        distances = norms_by_distance(network, replace(batch, targets=targets), traced, norms)
        has_tags = are_of_steps(targets) and not targets.is_floating_point()
        reached = reach(traced, scores, targets) if has_tags else None
    confidences = scores.new_empty(len(batch), 0)
    if hasattr(head, "confidences"):  # a head for numbers has none
        confidences = head.confidences(scores.detach(), predictions, batch.lengths)
    signals = stack_signals(traced)
    signals = {name: values for name, values in signals.items() if values.shape == signals["h"].shape}
    signals["gradient"] = to_array([[each.h for each in layer] for layer in gradients])
    gates = tuple(gate for gate in traced.cell.gates if gate.name in signals)
    quantiles = head.by_quantile(scores.detach()) if hasattr(head, "by_quantile") else {}
    weights = head.step_weights(traced.output, batch.lengths) if hasattr(head, "step_weights") else None
    return _Observation(
        batch, predictions, confidences, signals, gates, distances, reached, weights, quantiles
    )


def _assume_targets(predictions: Tensor, batch: SequenceBatch) -> Tensor:
    """The predicted classes; of numbers, whose loss would be zero, what makes an error of 1."""
    targets = predictions.detach() - 1 if predictions.is_floating_point() else predictions
    if not are_of_steps(predictions):
        return targets
    beyond = ~valid_steps(batch.lengths, predictions.shape[1])
    return hide(targets, beyond.view(*beyond.shape, *[1] * (predictions.ndim - 2)))


def _read(
    observation: _Observation, row: int, name: str, words: tuple[str, ...] | None, spec: DataSpec
) -> ExaminedExample:
    """The example in one row of the batch."""
    batch, steps = observation.batch, int(observation.batch.lengths[row])

    def read(values: Tensor) -> tuple[Any, ...]:
        entries = values[row, :steps] if are_of_steps(observation.predictions) else values[row : row + 1]
        return tuple(tuple(each) if isinstance(each, list) else each for each in entries.tolist())

    confidences = read(observation.confidences) if observation.confidences.numel() else ()
    check_probabilities(confidences)
    return ExaminedExample(
        name=name,
        words=words,
        inputs=read_inputs(batch.inputs, row, steps),
        image=_read_image(spec, batch, row),
        targets=None if batch.targets is None else read(batch.targets),
        predictions=read(observation.predictions),
        confidences=confidences,
        signals={name: values[:, :, row, :steps] for name, values in observation.signals.items()},
        gates=observation.gates,
        by_distance={
            direction: norms[row, : int(num_steps[row])].float().numpy()
            for direction, (norms, num_steps) in observation.distances.items()
        },
        reach=None if observation.reach is None else observation.reach[:, :, row, :steps, :steps],
        weights=() if observation.weights is None else tuple(observation.weights[row, :steps].tolist()),
    )


def _read_windows(observation: _Observation, spec: DataSpec) -> list[tuple[SeriesWindow, ...]]:
    """The series of each row of the batch with their forecasts; empty for other data."""
    if not isinstance(spec.targets, Horizon):
        return []
    batch = observation.batch
    found = list(read_windows(batch, spec, observation.predictions.detach(), observation.quantiles))
    size = len(found) // len(batch)
    return [tuple(found[start : start + size]) for start in range(0, len(found), size)]


def _read_image(spec: DataSpec, batch: SequenceBatch, row: int) -> Array | None:
    if not isinstance(spec.inputs, ImageInputs) or not isinstance(batch.inputs, Tensor):
        return None
    image: Array = View.of(spec.inputs).to_images(batch.inputs[row : row + 1])[0].numpy()
    return image

"""A fixed sample of the validation data, what a network answers for it, and its sequences as examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtrain.config import ConfigError
from seqtrain.data import Dataset
from seqtrain.data.corpus import Corpus
from seqtrain.model.backbone import eval_mode, recurrent_module
from seqtrain.model.ensemble import Ensemble
from seqtrain.model.network import Head, Network
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.recurrence.cells import Gate
from seqtrain.recurrence.trace import Trace
from seqtrain.spec import Classes, DataSpec, ImageInputs, SequenceClasses

Array: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """Some validation sequences as one batch; `words` are those of each sentence, None for vectors."""

    batch: SequenceBatch
    spec: DataSpec
    words: list[list[str]] | None


@dataclass(frozen=True)
class AnsweredSample(Sample):
    """Validation sequences with a network's answers, as `Task.draw` is given them; all on the CPU.

    `predictions` are what the head chose, of the targets' shape where those are classes; `confidences` their
    probabilities, None for targets other than classes; `quantiles`, by probability, are given for numbers if
    the network was trained for them.
    """

    predictions: Tensor
    confidences: Tensor | None
    quantiles: Mapping[float, Tensor] = field(default_factory=dict)


def draw_sample(corpus: Corpus, num_sequences: int, max_steps: int | None = None) -> Sample:
    """`num_sequences` of the dev split at even distances: always the same ones.

    Args:
        corpus: with a dev split.
        num_sequences: the maximum number of sequences.
        max_steps: of all sequences together, the padding included; the first sequence is always there.
    """
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
    return [indices[k * len(indices) // num] for k in range(num)]


def traced_module(network: Network) -> Any:
    """The recurrent module of a network; None where it cannot be traced."""
    try:
        return recurrent_module(network.backbone)
    except (TypeError, ValueError):
        return None


def answer_sample(network: Network | Ensemble, sample: Sample, device: torch.device) -> AnsweredSample:
    """What a network, which is on `device`, answers in evaluation mode."""
    batch, head = sample.batch.to(device), cast(Head, network.head)
    with eval_mode(network):
        scores, _ = network(batch)
        predictions = head.decode(scores, batch.lengths)
        confidences = None
        if isinstance(sample.spec.targets, Classes):
            confidences = head.confidences(scores, predictions, batch.lengths).cpu()
        by_quantile: dict[float, Tensor] = head.by_quantile(scores) if hasattr(head, "by_quantile") else {}
    quantiles = {share: each.cpu() for share, each in by_quantile.items()}
    return AnsweredSample(sample.batch, sample.spec, sample.words, predictions.cpu(), confidences, quantiles)


def load_dev(source: Any, spec: DataSpec) -> Dataset:
    """The validation data of a source, as a network of `spec` knows it.

    Raises:
        ConfigError: the data is not what the network was trained on.
        DataError: it cannot be read.
    """
    if hasattr(source, "recall"):
        source.recall(spec)
    corpus = source.load()
    if corpus.spec != spec:
        raise ConfigError(
            [
                "data: it has changed since the training: its classes, sizes or vocabularies differ; with "
                "examples=0 it is not read"
            ]
        )
    dev: Dataset = corpus.splits["dev"]
    return dev


@dataclass(frozen=True, kw_only=True)
class Example:
    """One sequence.

    `signals` holds what the recurrence does, by name, (layers, directions, time, hidden) each: "h" and the
    other states, and the `gates`. `inputs` (features, time) is None for sentences, which have `words`.
    """

    name: str
    words: tuple[str, ...] | None
    inputs: Array | None
    signals: dict[str, Array]
    gates: tuple[Gate, ...]

    @property
    def num_steps(self) -> int:
        return int(self.signals["h"].shape[2])

    @property
    def num_directions(self) -> int:
        return int(self.signals["h"].shape[1])

    @property
    def labels(self) -> list[str]:
        """A label for each step: the word, or the number of the step."""
        return [str(step) for step in range(self.num_steps)] if self.words is None else list(self.words)


def choose_examples(lengths: Tensor, num: int, most: int = 24) -> list[int]:
    """Indices of the `num` longest sequences of at most `most` steps, or of all if none is as short."""
    fitting = [index for index, length in enumerate(lengths.tolist()) if length <= most]
    return sorted(fitting or range(len(lengths)), key=lambda index: -int(lengths[index]))[:num]


def read_example(sample: Sample, traced: Trace, index: int) -> Example:
    """The sequence of the sample at this index."""
    batch, words = sample.batch, None if sample.words is None else tuple(sample.words[index])
    length = int(batch.lengths[index])
    return Example(
        name=_name_sequence(sample, index) if words is None else f"sentence {index + 1} of the sample",
        words=words,
        inputs=read_inputs(batch.inputs, index, length),
        signals={name: values[:, :, :length] for name, values in stack_signals(traced, index).items()},
        gates=traced.cell.gates,
    )


def stack_signals(traced: Trace, rows: int | slice = slice(None)) -> dict[str, Array]:
    """States and gates of these sequences by name, (layers, directions, batch, time, hidden) each."""
    layers = [[each.states | each.gates for each in directions] for directions in traced.layers]
    return {
        name: to_array([[each[name][rows] for each in layer] for layer in layers]) for name in layers[0][0]
    }


def to_array(layers: list[list[Tensor]]) -> Array:
    """Tensors by layer and direction as one array, (layers, directions, ...)."""
    stacked = torch.stack([torch.stack(directions) for directions in layers])
    array: Array = stacked.detach().to("cpu", torch.float32).numpy()
    return array


def read_inputs(inputs: object, row: int, length: int) -> Array | None:
    """The inputs of one sequence, (features, time); None for words and tokens."""
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        return None
    array: Array = inputs[row, :length].T.to("cpu", torch.float32).numpy()
    return array


def _name_sequence(sample: Sample, index: int) -> str:
    """A name for an image or a sequence of numbers, with its class if it has a single one."""
    targets, known, inputs = sample.batch.targets, sample.spec.targets, sample.spec.inputs
    name = ""
    if isinstance(known, SequenceClasses) and targets is not None and targets[index] != IGNORED:
        name = f" ({known.names[int(targets[index])]})"
    if not isinstance(inputs, ImageInputs):
        return f"sequence {index + 1} of the sample{name}"
    return f"image {index + 1} of the sample{name}, read by {inputs.view}"


def has_loss_at_one_step(network: Network) -> bool:
    """Whether the loss of `norms_by_distance` in `gradients` acts on one state of each direction.

    A head that pools over time sends a gradient to every state, whatever the recurrence carries.
    """
    return getattr(network.head, "pooling", "last") in ("last", None)


def name_members(num_members: int) -> list[str]:
    """The prefix of each member's tags: `member0/`, `member1/`, ...; none for a single network."""
    return [""] if num_members == 1 else [f"member{number}/" for number in range(num_members)]

"""One sequence in one network: states and gates at every time step, as named arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seqtrain.analysis.sample import Array, Example, Sample, read_example
from seqtrain.data import Dataset
from seqtrain.data.corpus import NamedSteps
from seqtrain.errors import DataError, InputError, not_among, shorten
from seqtrain.model import Network
from seqtrain.model.backbone import eval_mode, recurrent_module
from seqtrain.recurrence.trace import DIRECTIONS, trace
from seqtrain.spec import DataSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_NAME = 40  # letters of a sentence in a title


@dataclass(frozen=True, repr=False)
class SequenceTrace:
    """What the recurrence does with one sequence.

    `trace["forget"]` is a state or a gate of this name: (layers, directions, time, hidden) float32, forward
    before backward, time as in the sequence for both. `states` and `gates` have all of them by name; an
    LSTM's are h, c; input, forget, candidate, output.
    """

    example: Example

    @property
    def words(self) -> tuple[str, ...]:
        """A label for each time step: the word, the character, or the number of the step."""
        return tuple(self.example.labels)

    @property
    def directions(self) -> tuple[str, ...]:
        return DIRECTIONS[: self.example.num_directions]

    @property
    def states(self) -> dict[str, Array]:
        gates = self.gates
        return {name: values for name, values in self.example.signals.items() if name not in gates}

    @property
    def gates(self) -> dict[str, Array]:
        """After their nonlinearity; the candidate is among them."""
        return {gate.name: self.example.signals[gate.name] for gate in self.example.gates}

    @property
    def h(self) -> Array:
        return self["h"]

    @property
    def c(self) -> Array:
        """The cell state.

        Raises:
            seqtrain.errors.DataError: the cell has none.
        """
        return self["c"]

    def __getitem__(self, name: str) -> Array:
        if name not in self.example.signals:
            raise DataError(f"trace: {not_among(name, self.example.signals)}")
        return self.example.signals[name]

    def plot(self, layer: int = -1) -> Figure:
        """h and gates of a layer over time, as a figure that a notebook shows; `.savefig(FILE)` keeps it."""
        from seqtrain.analysis.figures.sequence import draw_trace

        num_layers = len(self.h)
        if not -num_layers <= layer < num_layers:
            raise DataError(f"layer: got {layer}, expected 0 to {num_layers - 1}, or -1 for the last")
        return draw_trace(self.example, layer)

    def __repr__(self) -> str:
        layers, directions, steps, units = self.h.shape
        names = ", ".join(self.example.signals)
        return (
            f"SequenceTrace({names}: layers {layers}, directions {directions}, time {steps}, hidden {units})"
        )


def trace_sequence(network: Network, spec: DataSpec, dataset: Dataset, number: int) -> SequenceTrace:
    """Run one sequence of a dataset through a network, in evaluation mode.

    Raises:
        DataError: the dataset has no such sequence.
        InputError: the backbone cannot be traced.
    """
    if not 0 <= number < len(dataset.lengths):
        raise DataError(f"number: got {number}, expected one of the {len(dataset.lengths)} sequences from 0")
    try:
        rnn = recurrent_module(network.backbone)
    except (TypeError, ValueError) as error:
        raise InputError(f"model: {error}") from None
    batch = dataset.batch([number]).to(next(network.parameters()).device)
    with eval_mode(network):
        traced = trace(rnn, network.encoder(batch.inputs), batch.lengths)
    words = [dataset.words(number)] if isinstance(dataset, NamedSteps) else None
    name = f"sequence {number}" if words is None else shorten(" ".join(words[0]), MAX_NAME)
    return SequenceTrace(replace(read_example(Sample(batch, spec, words), traced, 0), name=name))

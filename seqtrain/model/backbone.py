"""Backbones: a recurrence over encoded steps that makes padding invisible."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from seqtrain.model.bilstm import BiLSTM
from seqtrain.records import BackboneOutput, FinalState
from seqtrain.recurrence.trace import find_cell

# of nn.LSTM, read by RecurrentBackbone
TORCH_ATTRIBUTES = ("hidden_size", "bidirectional", "batch_first")
EXAMPLE_LENGTHS = (3, 2)  # of the sequences that `check_backbone` runs


class BackboneError(ValueError):
    """A module does not follow the Backbone protocol."""


class Backbone(Protocol):
    """What Network asks of a backbone.

    A backbone whose final state is a `FinalState` with several rows of h_n per layer also has
    `num_directions`, by which TensorBoard names the rows.
    """

    output_size: int  # numbers per step of the states, and of the summary

    def __call__(
        self, features: Tensor, lengths: Tensor, state: Any = None
    ) -> BackboneOutput | tuple[Tensor, Tensor, Any]:
        """Run over padded features.

        Args:
            features: (batch, time, input_size); what lies beyond a sequence's length must not matter.
            lengths: (batch,) int64 on the CPU, each at least 1.
            state: initial state, a final state of an earlier call; zeros by default.

        Returns:
            states: (batch, time, output_size), real, zero beyond a sequence's length.
            summary: (batch, output_size), real: each sequence as one vector, such as the state at its true
                end. A head that gives one class per sequence reads it.
            final_state: any tree of tensors from which the recurrence can continue. TensorBoard shows the
                h_n and c_n of a FinalState.
        """


class RecurrentBackbone(nn.Module):
    """A torch-style recurrent module as a Backbone.

    Where lengths differ, the sequences are packed, so that no module sees padding. The summary of a sequence
    is h_n of the last layer, with its directions concatenated.

    Args:
        rnn: a torch.nn.RNN, LSTM or GRU, a BiLSTM, or a module with their attributes and `forward`.

    Raises:
        BackboneError: `rnn` does not have these attributes.
    """

    def __init__(self, rnn: nn.RNNBase | BiLSTM) -> None:
        super().__init__()
        missing = [name for name in TORCH_ATTRIBUTES if not hasattr(rnn, name)]
        if missing:
            raise BackboneError(
                f"{type(rnn).__name__} is not a backbone: it has neither output_size nor, as torch.nn.LSTM "
                f"has, {', '.join(missing)}"
            )
        self.rnn = rnn
        self.num_directions = 2 if rnn.bidirectional else 1
        self.output_size = (getattr(rnn, "proj_size", 0) or rnn.hidden_size) * self.num_directions

    def forward(self, features: Tensor, lengths: Tensor, state: FinalState | None = None) -> BackboneOutput:
        time = features.shape[1]
        batch_first = self.rnn.batch_first
        if not batch_first:
            features = features.transpose(0, 1)
        initial = None if state is None else state.h_n if state.c_n is None else state.states
        if int(lengths.min()) == time:
            states, final = self.rnn(features, initial)
        else:
            packed = pack_padded_sequence(features, lengths, batch_first, enforce_sorted=False)
            states, final = self.rnn(packed, initial)
            states = _pad(states, batch_first, time)
        if not batch_first:
            states = states.transpose(0, 1)
        final = FinalState.of(final if isinstance(final, tuple) else (final,))
        return BackboneOutput(states, final.summarize(self.num_directions), final)


def _pad(packed: PackedSequence, batch_first: bool, time: int) -> Tensor:
    """`pad_packed_sequence` without its copy of the order to the CPU, which would synchronize."""
    in_order = PackedSequence(packed.data, packed.batch_sizes)
    padded, _ = pad_packed_sequence(in_order, batch_first, total_length=time)
    order = packed.unsorted_indices
    return padded if order is None else padded.index_select(0 if batch_first else 1, order)


def recurrent_module(backbone: nn.Module) -> Any:
    """The recurrent module inside a backbone, whose equations are known.

    Gates, gradients through time, `inspect` and `export` work for these backbones only.

    Raises:
        TypeError: the backbone is not a RecurrentBackbone, or its module cannot be traced; see
            `seqtrain.recurrence.trace.find_cell`.
        ValueError: the module has projections.
    """
    if type(backbone) is not RecurrentBackbone:
        raise TypeError(
            f"{type(backbone).__name__} cannot be traced: it is a backbone with equations of its own"
        )
    find_cell(backbone.rnn)
    return backbone.rnn


def check_backbone(backbone: nn.Module, input_size: int) -> None:
    """Run a backbone over two short sequences, and compare what it returns with the Backbone protocol.

    Torch's own layers and BiLSTM are not run: their sizes are known.

    Raises:
        BackboneError: it returns something else, or states or a summary of other sizes or of complex numbers.
    """
    name = type(backbone).__name__
    if type(backbone) is RecurrentBackbone:
        if type(backbone.rnn) in (nn.RNN, nn.LSTM, nn.GRU, BiLSTM):
            return
        name = type(backbone.rnn).__name__
    output: Any = _run_example(backbone, input_size)
    if not isinstance(output, tuple) or len(output) != len(BackboneOutput._fields):
        what = f"a tuple of {len(output)}" if isinstance(output, tuple) else type(output).__name__
        raise BackboneError(
            f"{name} returned {what}, expected (states, summary, final_state); the summary is one vector per "
            "sequence, such as states[torch.arange(len(lengths)), lengths - 1]"
        )
    size = cast(Backbone, backbone).output_size
    num, time = len(EXAMPLE_LENGTHS), max(EXAMPLE_LENGTHS)
    _check_field(name, "states", "(batch, time, output_size)", output[0], (num, time, size))
    _check_field(name, "summary", "(batch, output_size)", output[1], (num, size))


def _check_field(name: str, field: str, legend: str, value: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(value, Tensor) or tuple(value.shape) != shape:
        found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise BackboneError(
            f"{field} of {name}: got {found}, expected {legend} = {shape} with output_size={shape[-1]} for "
            f"two sequences of {' and '.join(map(str, EXAMPLE_LENGTHS))} steps"
        )
    if not value.is_floating_point():
        raise BackboneError(
            f"{field} of {name}: got {value.dtype}, expected real numbers; for complex states return the "
            "real part, or the real and the imaginary parts concatenated"
        )


def _run_example(backbone: nn.Module, input_size: int) -> Any:
    like = next((each for each in backbone.parameters() if each.is_floating_point()), torch.empty(0))
    features = like.new_zeros(len(EXAMPLE_LENGTHS), max(EXAMPLE_LENGTHS), input_size)
    with eval_mode(backbone):
        return backbone(features, torch.tensor(EXAMPLE_LENGTHS))


@contextmanager
def eval_mode(module: nn.Module, with_gradients: bool = False) -> Iterator[None]:
    """Without dropout or an update of running statistics, and without a graph unless gradients are wanted."""
    training = [each for each in module.modules() if each.training]
    module.eval()
    try:
        with torch.inference_mode(False), torch.set_grad_enabled(with_gradients):
            yield
    finally:
        for each in training:
            each.training = True

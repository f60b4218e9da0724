"""Backbones: a recurrence over encoded steps that makes padding invisible."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqtrain.model.bilstm import BiLSTM
from seqtrain.records import FinalState


class Backbone(Protocol):
    """What Network asks of a backbone."""

    output_size: int  # numbers per step of the states
    num_directions: int

    def __call__(
        self, features: Tensor, lengths: Tensor, state: FinalState | None = None
    ) -> tuple[Tensor, FinalState]:
        """Run over padded features.

        Args:
            features: (batch, time, input_size); what lies beyond a sequence's length must not matter.
            lengths: (batch,) int64 on the CPU, each at least 1.
            state: initial state; zeros by default.

        Returns:
            states (batch, time, output_size), zero beyond a sequence's length, and the state at each
            sequence's true end.
        """


class RecurrentBackbone(nn.Module):
    """A torch-style recurrent module as a Backbone.

    Where lengths differ the sequences go packed, so that no module sees padding.

    Args:
        rnn: a torch.nn.RNN, LSTM or GRU, a BiLSTM, or a module with their attributes and `forward`.
    """

    def __init__(self, rnn: nn.RNNBase | BiLSTM) -> None:
        super().__init__()
        self.rnn = rnn
        self.num_directions = 2 if rnn.bidirectional else 1
        self.output_size = rnn.hidden_size * self.num_directions

    def forward(
        self, features: Tensor, lengths: Tensor, state: FinalState | None = None
    ) -> tuple[Tensor, FinalState]:
        time = features.shape[1]
        batch_first = self.rnn.batch_first
        if not batch_first:
            features = features.transpose(0, 1)
        initial = None if state is None else state.h_n if state.c_n is None else tuple(state)
        if int(lengths.min()) == time:
            states, final = self.rnn(features, initial)
        else:
            packed = pack_padded_sequence(features, lengths, batch_first, enforce_sorted=False)
            states, final = self.rnn(packed, initial)
            states, _ = pad_packed_sequence(states, batch_first, total_length=time)
        if not batch_first:
            states = states.transpose(0, 1)
        return states, FinalState(*final) if isinstance(final, tuple) else FinalState(final)

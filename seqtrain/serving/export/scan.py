"""Recurrent layers whose loop over time torch.export can record for any length."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan  # no public name; without it nothing is exported

from seqtrain.model import BiLSTM, WordEncoder
from seqtrain.records import BackboneOutput, FinalState, valid_steps
from seqtrain.recurrence.cells import State, Weights
from seqtrain.recurrence.trace import collect_weights, find_cell


class ScannedRecurrence(nn.Module):
    """The layers of a recurrent module over padded sequences, in evaluation.

    torch.export would unroll the time loop of `nn.LSTM`, for one length, and record a `BiLSTM` as an operator
    that only seqtrain has. A scan takes any length, and is an operator of torch.

    Args:
        rnn: a torch.nn.RNN, LSTM or GRU, or a BiLSTM with any of its cells; its weights are shared.

    Raises:
        TypeError: `rnn` is not one of these modules.
        ValueError: `rnn` has projections (`proj_size`).
    """

    def __init__(self, rnn: nn.RNNBase | BiLSTM) -> None:
        super().__init__()
        self.rnn = rnn
        self._cell = find_cell(rnn)

    def forward(self, features: Tensor, lengths: Tensor) -> BackboneOutput:
        """(batch, time, input_size) and (batch,) to the states of the last layer.

        Returns:
            What a RecurrentBackbone returns, with the final states (D, batch, H) of the last layer alone.
        """
        inside = valid_steps(lengths, features.shape[1])
        steps = torch.arange(features.shape[1], device=features.device)
        mirrored = torch.where(inside, lengths[:, None] - 1 - steps, steps)
        final: State = ()
        for weights in collect_weights(self.rnn, self._cell):
            features, final = self._scan_layer(features, weights, inside, mirrored)
        last = FinalState.of(final)
        return BackboneOutput(features, last.summarize(len(last.h_n)), last)

    def _scan_layer(
        self, features: Tensor, weights: list[Weights], inside: Tensor, mirrored: Tensor
    ) -> tuple[Tensor, State]:
        """One layer; `mirrored` (batch, time) is where each step lies counted from its sequence's end."""
        both = {name: torch.stack([each[name] for each in weights]) for name in weights[0]}
        directions = torch.stack([features, _take_steps(features, mirrored)][: len(weights)])
        rows = self._cell.project(directions.flatten(1, 2), both)
        rows = rows.reshape(*directions.shape[:3], -1).permute(2, 0, 1, 3)  # (time, D, batch, G * H)

        def step(state: State, given: tuple[Tensor, Tensor]) -> tuple[State, Tensor]:
            projected, is_inside = given
            following, _ = self._cell.step(projected, state, both)
            pairs = zip(following, state, strict=True)
            state = tuple(torch.where(is_inside[:, None], new, old) for new, old in pairs)
            return state, state[0].clone()  # a result of scan must not share memory with the state

        sizes = self._cell.state_sizes(self.rnn.hidden_size).values()
        start = tuple(features.new_zeros(len(weights), features.shape[0], size) for size in sizes)
        final, states = scan(step, start, (rows, inside.transpose(0, 1)))
        forward, *backward = states.permute(1, 2, 0, 3).unbind(0)
        joined = torch.cat([forward, *(_take_steps(each, mirrored) for each in backward)], dim=-1)
        return torch.where(inside[..., None], joined, 0.0), final


def _take_steps(sequences: Tensor, steps: Tensor) -> Tensor:
    """The steps (batch, time) of sequences (batch, time, features)."""
    return sequences.gather(1, steps[..., None].expand_as(sequences))


class ScannedWordEncoder(nn.Module):
    """A `WordEncoder` in evaluation, which reads the letters of every spelling of the batch by a scan.

    Args:
        encoder: whose weights are shared.
    """

    def __init__(self, encoder: WordEncoder) -> None:
        super().__init__()
        self._encoder, self._spelling = encoder, encoder.spelling_encoder
        self._recurrence = None if self._spelling is None else ScannedRecurrence(self._spelling.rnn)

    def forward(self, words: Tensor, letters: Tensor, spelling: Tensor) -> Tensor:
        """See `build_program`; (batch, time, output_size)."""
        features = self._encoder.look_up(words)
        if self._spelling is not None and self._recurrence is not None:
            lengths = (letters > 0).sum(dim=1)
            summary = self._recurrence(self._spelling.embedding(letters), lengths).summary
            features.append(F.embedding(spelling, summary))
        return torch.cat(features, dim=-1)

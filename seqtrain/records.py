"""The records that cross the borders between data, model and task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

Move: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Words:
    """The words of a padded batch, every distinct spelling encoded once.

    A character encoder runs over the `spellings` distinct spellings of the batch and its results
    are looked up with `spelling`, so that a word that occurs fifty times costs no more than one.
    """

    word: Tensor  # (batch, time) integer: id in the word vocabulary; 0 is padding, 1 an unknown word
    spelling: Tensor  # (batch, time) integer: row of `characters`; 0 at padding
    characters: Tensor  # (spellings, letters) integer: ids in the character vocabulary; 0 is padding
    num_characters: Tensor  # (spellings,) integer: letters of each spelling, at least 1

    def each(self, move: Move) -> Words:
        """The same words with `move` done to every tensor but `num_characters`, which stays on the CPU."""
        return Words(move(self.word), move(self.spelling), move(self.characters), self.num_characters)


@dataclass(frozen=True)
class Origins:
    """What was subtracted from the values of windows of series, and the values just before their targets.

    `series` (batch, series of a window) int64 are the numbers of the series; `last` (batch, series of a
    window) what was subtracted from their values; `recent` (batch, season, series of a window) their last
    values before the targets, from which the same was subtracted.
    """

    series: Tensor
    last: Tensor
    recent: Tensor

    def each(self, move: Move) -> Origins:
        """The same with `move` done to every tensor."""
        return Origins(move(self.series), move(self.last), move(self.recent))


@dataclass(frozen=True)
class SequenceBatch:
    """One padded batch, batch first.

    `inputs` is (batch, time, features) float for sequences of vectors, (batch, time) integer for tokens, or
    `Words`. `lengths` (batch,) int64 is required even where all are equal, and stays on the CPU, where
    packing needs it. `targets` is (batch,) int64 for one class per sequence or (batch, time) for one per time
    step, IGNORED (-100) at padding and where it is not known; (batch, numbers) float for numbers of a
    sequence or (batch, time, numbers) for those of time steps, NaN where there is none; None where nothing is
    known. `unseen` (batch, time) bool marks the words that train lacks.

    Where the rows are the next steps of streams, `starts` (batch,) bool, on the CPU, marks those that begin
    a stream; the others continue the same rows of the previous batch, whose last rows may have no next step.
    None where every row is a sequence of its own.

    `origins` are given for windows of series.
    """

    inputs: Tensor | Words
    lengths: Tensor
    targets: Tensor | None = None
    unseen: Tensor | None = None
    starts: Tensor | None = None
    origins: Origins | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def num_valid(self) -> int:
        """How many targets are known; counted before the batch moves to a device, which need not wait."""
        return 0 if self.targets is None else int(is_known(self.targets).sum())

    def to(self, device: torch.device | str, non_blocking: bool = False) -> SequenceBatch:
        """The same batch on `device`; lengths stay on the CPU: a copy back would synchronize."""
        return self._map_tensors(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> SequenceBatch:
        """The same batch in pinned memory, from which a GPU copies asynchronously."""
        return self._map_tensors(Tensor.pin_memory)

    def first_steps(self, num: int) -> SequenceBatch:
        """The batch without the time steps from the `num`-th on; its targets of sequences stay."""

        def cut(tensor: Tensor) -> Tensor:
            return tensor[:, :num].contiguous()

        inputs, targets = self.inputs, self.targets
        if isinstance(inputs, Words):
            inputs = replace(inputs, word=cut(inputs.word), spelling=cut(inputs.spelling))
        else:
            inputs = cut(inputs)
        return replace(
            self,
            inputs=inputs,
            lengths=self.lengths.clamp(max=num),
            targets=cut(targets) if targets is not None and are_of_steps(targets) else targets,
            unseen=None if self.unseen is None else cut(self.unseen),
        )

    def _map_tensors(self, move: Move) -> SequenceBatch:
        moved = replace(
            self,
            inputs=move(self.inputs) if isinstance(self.inputs, Tensor) else self.inputs.each(move),
            targets=None if self.targets is None else move(self.targets),
            unseen=None if self.unseen is None else move(self.unseen),
            origins=None if self.origins is None else self.origins.each(move),
        )
        moved.__dict__["num_valid"] = self.num_valid
        return moved


class FinalState(NamedTuple):
    """The state after each sequence's true last step; in torch's order: layer 0 forward, then backward, ...

    `h_n` and `c_n` are (num_layers * num_directions, batch, hidden_size); `c_n` is None where the
    recurrence has one state only. `others` are the states of a cell that has more than two; the states
    other than h may have another size than hidden_size.
    """

    h_n: Tensor
    c_n: Tensor | None = None
    others: tuple[Tensor, ...] = ()

    @classmethod
    def of(cls, states: Sequence[Tensor]) -> FinalState:
        """The states in a cell's order, h first."""
        h_n, *memory = states
        return cls(h_n, memory[0] if memory else None, tuple(memory[1:]))

    @property
    def states(self) -> tuple[Tensor, ...]:
        """All of them, in the cell's order."""
        return (self.h_n, *(() if self.c_n is None else (self.c_n,)), *self.others)

    def summarize(self, num_directions: int) -> Tensor:
        """(batch, num_directions * hidden_size): h_n of the last layer's directions, concatenated."""
        return torch.cat(self.h_n[-num_directions:].unbind(0), dim=-1)


class BackboneOutput(NamedTuple):
    """What a backbone returns for a batch; see `seqtrain.model.Backbone`.

    `states` (batch, time, output_size) are those of every time step, zero beyond a sequence's length;
    `summary` (batch, output_size) is each sequence as one vector. `final_state`, any tree of tensors, is what
    the recurrence continues from: the backbone takes it back as its `state`.
    """

    states: Tensor
    summary: Tensor
    final_state: Any


def valid_steps(lengths: Tensor, num_steps: int) -> Tensor:
    """(batch, num_steps) bool, on the device of `lengths`: true for the time steps within each sequence."""
    return torch.arange(num_steps, device=lengths.device) < lengths[:, None]


IGNORED = -100  # the class at padding, torch's own default for cross-entropy; of numbers it is NaN
UNKNOWN = 1  # the id of a string that a vocabulary lacks; 0 is padding


def is_known(targets: Tensor) -> Tensor:
    """Bool, of the same shape: which targets are neither IGNORED nor NaN."""
    return ~targets.isnan() if targets.is_floating_point() else targets != IGNORED


def are_of_steps(targets: Tensor) -> bool:
    """Whether targets or predictions belong to time steps, not to sequences; see `SequenceBatch`."""
    return targets.ndim == (3 if targets.is_floating_point() else 2)


def filler_of(targets: Tensor) -> float:
    """The value of an unknown target: IGNORED, or NaN among numbers."""
    return torch.nan if targets.is_floating_point() else IGNORED


def hide(targets: Tensor, where: Tensor) -> Tensor:
    """The targets, without those of the positions where the bool `where` is true."""
    return targets.masked_fill(where, filler_of(targets))


@dataclass(frozen=True)
class StepOutput:
    """What a training or evaluation step hands to the callbacks.

    `loss_sum` () is detached, summed over the `num_valid` valid positions of the batch. `final_states` has
    one entry for each member of an ensemble, a single one otherwise; each is what the backbone returned, and
    where it is a FinalState it has `num_directions` rows per layer. `predictions`, of the shape of the
    batch's targets, are given in evaluation only.
    """

    loss_sum: Tensor
    num_valid: int
    final_states: tuple[Any, ...]
    num_directions: int
    predictions: Tensor | None = None

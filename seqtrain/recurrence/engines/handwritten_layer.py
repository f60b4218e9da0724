"""One layer of a hand-written cell: its directions in groups that walk together, in both passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from seqtrain.recurrence.cells import State, Weights
from seqtrain.recurrence.engines.handwritten import (
    Gradients,
    HandWritten,
    Matrices,
    Saved,
    stack,
    stack_by_name,
)
from seqtrain.recurrence.engines.inference import run_without_gradients
from seqtrain.recurrence.engines.products import multiply, prefers_onednn
from seqtrain.recurrence.walk import PackedWalk

MAX_PAIRED_WEIGHTS = 1 << 18
"""Numbers of W_hh up to which both directions' copies stay in the cache from step to step."""
MAX_PAIRED_STATES = 1 << 15
"""Numbers of a step's h up to which one operation for both directions is faster than one for each."""


class Inputs(NamedTuple):
    """What a layer's gradients are taken by: x (N, I), each state (D, B, H), parameters by direction."""

    x: Tensor
    state: State
    weights: Sequence[Weights]


@dataclass(frozen=True)
class HandWrittenLayer:
    """A layer on one batch. Each group's tensors have its own directions in front, two or one."""

    cell: HandWritten
    walk: PackedWalk
    groups: tuple[slice, ...]

    @classmethod
    def on(cls, cell: HandWritten, inputs: Inputs, walk: PackedWalk) -> "HandWrittenLayer":
        """All directions walk together, unless their steps push each other out of the cache."""
        num_directions = len(inputs.weights)
        weight = inputs.weights[0]["weight_hh"]
        num_states = walk.mean_batch_size * weight.size(1)
        large = weight.numel() > MAX_PAIRED_WEIGHTS or num_states > MAX_PAIRED_STATES
        if large and prefers_onednn(inputs.x, weight.numel() * walk.mean_batch_size):
            return cls(cell, walk, tuple(slice(each, each + 1) for each in range(num_directions)))
        return cls(cell, walk, (slice(0, num_directions),))

    def run(self, inputs: Inputs) -> tuple[Tensor, State]:
        """Output (N, D * H) and final states, with nothing kept for a backward pass."""
        return run_without_gradients(self.cell, *inputs, self.walk)

    def forward(self, inputs: Inputs) -> tuple[Tensor, State, list[Saved]]:
        """Output, final states, and for each group what its backward pass needs."""
        saved: list[Saved] = []
        finals: list[State] = []
        steps: list[Tensor] = []
        for rows, weights, state in self._split(inputs):
            kept, final = self.cell.forward(rows, weights, state, self.walk)
            saved.append(kept)
            finals.append(final)
            steps += kept[1][:, state[0].size(1) :].unbind(0)
        return self._join(steps), tuple(torch.cat(parts) for parts in zip(*finals, strict=True)), saved

    def backward(
        self,
        inputs: Inputs,
        saved: Sequence[Saved] | None,
        gradients: Sequence[Tensor | None],
        needs_x: bool = True,
    ) -> tuple[Tensor | None, list[Tensor], list[dict[str, Tensor]]]:
        """Gradients of x, of the initial states and, by direction, of all parameters.

        `gradients` are those of the output and of each final state. Overwrites `saved`, or computes it again
        where it is None.
        """
        d_output, d_h_n, *d_memory_n = gradients
        d_x: Tensor | None = None
        found: list[Gradients] = []
        for index, (rows, weights, state) in enumerate(self._split(inputs)):
            group = self.groups[index]
            kept = self.cell.forward(rows, weights, state, self.walk)[0] if saved is None else saved[index]
            d_h = self._split_gradient(d_output, group, kept[1][:, state[0].size(1) :])
            if d_h_n is not None:
                d_h.index_add_(1, self.walk.last, d_h_n[group])
            d_memory = tuple(
                torch.zeros_like(s, memory_format=torch.contiguous_format) if d is None else d[group].clone()
                for d, s in zip(d_memory_n, state[1:], strict=True)
            )
            found.append(self.cell.backward(rows, weights, kept, d_h, d_memory, self.walk))
            if needs_x:
                d_x = self._add_input_gradient(d_x, found[-1].projected, weights["weight_ih"], group)
        d_state = [torch.cat(parts) for parts in zip(*(each.state for each in found), strict=True)]
        d_weights = [
            {name: each.weights[name][direction] for name in inputs.weights[0]}
            for each in found
            for direction in range(len(each.projected))
        ]
        return d_x, d_state, d_weights

    def _split(self, inputs: Inputs) -> list[tuple[Tensor, Matrices, State]]:
        """For each group its rows in the order of the walk, its weights and its states."""
        walks = [inputs.x, *(self.walk.reverse(inputs.x) for _ in inputs.weights[1:])]
        return [
            (stack(walks[group]), stack_by_name(inputs.weights[group]), tuple(s[group] for s in inputs.state))
            for group in self.groups
        ]

    def _join(self, steps: Sequence[Tensor]) -> Tensor:
        """States (N, H) of each direction, in the order of its walk, to rows (N, D * H) in the input's."""
        if len(steps) == 1:
            return steps[0].clone()
        return torch.cat([steps[0], self.walk.reverse(steps[1])], dim=-1)

    def _split_gradient(self, d_output: Tensor | None, group: slice, steps: Tensor) -> Tensor:
        """The gradient of `_join` for one group: (N, D * H) to (D, N, H), in new memory."""
        if d_output is None:
            return torch.zeros_like(steps, memory_format=torch.contiguous_format)
        hidden_size = steps.size(-1)
        shares = []
        for direction in range(group.start, group.stop):
            share = d_output[:, direction * hidden_size : (direction + 1) * hidden_size]
            shares.append(self.walk.reverse(share) if direction == 1 else share)
        return torch.stack(shares)

    def _add_input_gradient(
        self, d_x: Tensor | None, d_projected: Tensor, weight_ih: Tensor, group: slice
    ) -> Tensor | None:
        """Add a group's share of the gradient of x (N, I), from that of its projection (D, N, G * H)."""
        for direction, d_rows in enumerate(d_projected, start=group.start):
            share = multiply(d_rows, weight_ih[direction - group.start].mT)
            share = self.walk.reverse(share) if direction == 1 else share
            d_x = share if d_x is None else d_x.add_(share)
        return d_x

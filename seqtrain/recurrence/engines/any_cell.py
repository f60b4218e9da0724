"""Any cell by autograd, with large products by the faster library.

Where its steps are large, the gradient of W_hh is one product after the time loop.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from seqtrain.recurrence.cells import Cell, State, Weights
from seqtrain.recurrence.cells.cell import FastWeights, multiply_state
from seqtrain.recurrence.engines.handwritten import project
from seqtrain.recurrence.engines.products import (
    AddedProduct,
    Product,
    make_added_product,
    make_recurrent_product,
    multiply_transposed,
    prefers_onednn,
)
from seqtrain.recurrence.engines.reference import run_layer, stack_weights
from seqtrain.recurrence.engines.transforms import (
    current_backward_pass,
    is_transformed,
    will_run,
)
from seqtrain.recurrence.precision import without_autocast
from seqtrain.recurrence.walk import PackedWalk

MIN_STEP = 8
"""A step's product repays its extra calls from Python from this many times oneDNN's least product on."""


def any_cell_layer(
    cell: Cell, x: Tensor, weights: Sequence[Weights], state: State, walk: PackedWalk
) -> tuple[Tensor, State]:
    """Run any cell over one layer; see `seqtrain.recurrence` for shapes."""
    return run_layer(cell, x, _LayerWeights(stack_weights(weights), walk), state, walk)


class _LayerWeights(FastWeights):
    """The weights of one layer during one forward pass."""

    def __init__(self, weights: Weights, walk: PackedWalk) -> None:
        super().__init__(weights)
        self._weights, self._walk = weights, walk
        self._passes: _BackwardPasses | None = None
        weight = weights.get("weight_hh")
        if weight is not None and prefers_onednn(
            weight, weight[0].numel() * walk.mean_batch_size // MIN_STEP
        ):
            self._passes = _BackwardPasses(walk)
            self["weight_hh"] = _CollectWeight.apply(weight, self._passes)  # type: ignore[no-untyped-call]

    def multiply_input(self, x: Tensor) -> Tensor:
        return _MultiplyInput.apply(x, self["weight_ih"])  # type: ignore[no-any-return, no-untyped-call]

    def multiply_state(self, h: Tensor, addend: Tensor | None) -> Tensor:
        if self._passes is None:
            return multiply_state(h, self._weights, addend)
        if not torch.is_grad_enabled():
            return self._run(h, addend)
        arguments = (self["weight_hh"], h, addend, self._run, self._passes)
        return _MultiplyState.apply(*arguments)  # type: ignore[no-any-return, no-untyped-call]

    def _run(self, h: Tensor, addend: Tensor | None) -> Tensor:
        if addend is None:
            return self._multiply(h)
        return self._add_product(h, addend, h.new_empty(addend.shape))

    @cached_property
    def _multiply(self) -> Product:
        return make_recurrent_product(self._weights["weight_hh"].detach(), None, self._walk)

    @cached_property
    def _add_product(self) -> AddedProduct:
        return make_added_product(self._weights["weight_hh"].detach(), self._walk)


@dataclass
class _BackwardPass:
    """What one backward pass needs of W_hh, and the rows that the gradient of W_hh is a product of."""

    multiply: Product
    """The function d -> d W_hh of all directions (D, b, G * H)."""
    rows: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    """Of each step the gradient of its product (D, b, G * H) and the states (D, b, H) that it multiplied."""


class _BackwardPasses:
    """The backward passes under way through one layer, each by itself: threads may share a graph."""

    def __init__(self, walk: PackedWalk) -> None:
        self._walk = walk
        self._found: dict[int, _BackwardPass] = {}

    def enter(self, weight: Tensor) -> _BackwardPass:
        key = current_backward_pass()
        if key not in self._found:
            self._found[key] = _BackwardPass(make_recurrent_product(weight.detach().mT, None, self._walk))
        return self._found[key]

    def leave(self) -> Tensor | None:
        """The gradient of W_hh from all that this backward pass has kept."""
        done = self._found.pop(current_backward_pass(), None)
        if done is None:
            return None
        d, h = (torch.cat(rows, dim=1) for rows in zip(*done.rows, strict=True))
        return _multiply_transposed(d, h)


class _CollectWeight(torch.autograd.Function):
    """W_hh as the steps see it: autograd comes here after all of them, and finds what they have kept."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, passes: _BackwardPasses) -> Tensor:
        ctx.passes, ctx.device_type = passes, weight.device.type
        ctx.set_materialize_grads(False)
        return weight.view_as(weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, None]:
        with without_autocast(ctx.device_type):
            kept = ctx.passes.leave()
        if kept is None or gradient is None:
            return (gradient if kept is None else kept), None
        return gradient + kept, None


class _MultiplyState(torch.autograd.Function):
    """h W_hh^T + addend in one step, by `run`."""

    @staticmethod
    def forward(
        ctx: Any,
        weight: Tensor,
        h: Tensor,
        addend: Tensor | None,
        run: Callable[[Tensor, Tensor | None], Tensor],
        passes: _BackwardPasses,
    ) -> Tensor:
        ctx.passes = passes
        ctx.save_for_backward(weight, h)
        return run(h, addend)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, ...]:
        weight, h = ctx.saved_tensors
        needs_weight, _, needs_addend, *_ = ctx.needs_input_grad
        rest = (d if needs_addend else None, None, None)
        with without_autocast(d.device.type):
            if _is_differentiated():
                return torch.bmm(d.mT, h), torch.bmm(d, weight), *rest
            if not needs_weight or not will_run(ctx.next_functions[0][0]):
                return None, torch.bmm(d, weight), *rest  # no one would come for what is kept
            current = ctx.passes.enter(weight)
            current.rows.append((d, h.detach()))  # with its graph, h would keep itself alive
            return None, current.multiply(d), *rest


class _MultiplyInput(torch.autograd.Function):
    """x W_ih^T of the whole sequence: (D, N, I) by (D, G * H, I)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return project(x, weight, None)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        with without_autocast(d.device.type):
            if _is_differentiated():
                return torch.bmm(d, weight), torch.bmm(d.mT, x)
            needs_x, needs_weight = ctx.needs_input_grad
            d_x = project(d, weight.mT, None) if needs_x else None
            return d_x, (_multiply_transposed(d, x) if needs_weight else None)


def _multiply_transposed(d: Tensor, x: Tensor) -> Tensor:
    """d^T x, the gradient of a weight, of every direction: (D, N, F) and (D, N, K) to (D, F, K)."""
    return torch.stack([multiply_transposed(*each) for each in zip(d, x, strict=True)])


def _is_differentiated() -> bool:
    """Whether what is done with a gradient will be differentiated."""
    return torch.is_grad_enabled() or is_transformed()

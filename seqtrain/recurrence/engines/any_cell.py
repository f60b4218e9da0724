"""Any cell by autograd, with large products by the faster library.

Where its steps are large, the gradient of W_hh is one product after the time loop.
"""

from collections.abc import Sequence
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
from seqtrain.recurrence.engines.transforms import current_backward_pass, is_any_batched
from seqtrain.recurrence.walk import PackedWalk

MIN_STEP = 8
"""How many times as large as oneDNN's least product a step is whose product repays the calls from Python that
it needs."""


def any_cell_layer(
    cell: Cell, x: Tensor, weights: Sequence[Weights], state: State, walk: PackedWalk
) -> tuple[Tensor, State]:
    """Run any cell over one layer; see `seqtrain.recurrence` for shapes."""
    return run_layer(cell, x, _LayerWeights(stack_weights(weights), walk), state, walk)


class _LayerWeights(FastWeights):
    """The weights of one layer during one pass."""

    def __init__(self, weights: Weights, walk: PackedWalk) -> None:
        super().__init__(weights)
        self._weights = weights
        weight = weights["weight_hh"]
        self._recurrent: _Recurrent | None = None
        if prefers_onednn(weight, weight[0].numel() * walk.mean_batch_size // MIN_STEP):
            self._recurrent = _Recurrent(weight.detach(), walk)
            self["weight_hh"] = _CollectWeight.apply(weight, self._recurrent)  # type: ignore[no-untyped-call]

    def multiply_input(self, x: Tensor) -> Tensor:
        return _MultiplyInput.apply(x, self["weight_ih"])  # type: ignore[no-any-return, no-untyped-call]

    def multiply_state(self, h: Tensor, addend: Tensor | None) -> Tensor:
        if self._recurrent is None:
            return multiply_state(h, self._weights, addend)
        if not torch.is_grad_enabled():
            return self._recurrent.run(h, addend)
        arguments = (h, addend, self["weight_hh"], self._recurrent)
        return _MultiplyState.apply(*arguments)  # type: ignore[no-any-return, no-untyped-call]


class _Recurrent:
    """The products of all steps with W_hh (D, G * H, H), and the rows that its gradient is a product of."""

    def __init__(self, weight: Tensor, walk: PackedWalk) -> None:
        self.weight, self.walk = weight, walk
        self._pass, self._rows = -1, list[tuple[Tensor, Tensor]]()

    def run(self, h: Tensor, addend: Tensor | None) -> Tensor:
        if addend is None:
            return self.multiply(h)
        return self.add_product(h, addend, h.new_empty(addend.shape))

    @cached_property
    def multiply(self) -> Product:
        return make_recurrent_product(self.weight, None, self.walk)

    @cached_property
    def add_product(self) -> AddedProduct:
        return make_added_product(self.weight, self.walk)

    @cached_property
    def multiply_back(self) -> Product:
        return make_recurrent_product(self.weight.mT, None, self.walk)

    def keep(self, d: Tensor, h: Tensor) -> None:
        """Keep the gradient of one step's product (D, b, G * H) and the states (D, b, H) that it multiplied.

        What another backward pass left, one that did not ask for the gradient of W_hh, is dropped.
        """
        if self._pass != current_backward_pass():
            self._pass = current_backward_pass()
            self._rows.clear()
        self._rows.append((d, h))

    def take(self) -> Tensor | None:
        """The gradient of W_hh from all that this backward pass has kept."""
        if self._pass != current_backward_pass() or not self._rows:
            return None
        d, h = (torch.cat(rows, dim=1) for rows in zip(*self._rows, strict=True))
        self._rows.clear()
        return torch.stack([multiply_transposed(*each) for each in zip(d, h, strict=True)])


class _CollectWeight(torch.autograd.Function):
    """W_hh as the steps see it: autograd comes here after all of them, and finds what they have kept."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, recurrent: _Recurrent) -> Tensor:
        ctx.recurrent = recurrent
        ctx.set_materialize_grads(False)
        return weight.view_as(weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, None]:
        kept = ctx.recurrent.take()
        if kept is None or gradient is None:
            return (gradient if kept is None else kept), None
        return gradient + kept, None


class _MultiplyState(torch.autograd.Function):
    """h W_hh^T + addend in one step."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, addend: Tensor | None, weight: Tensor, recurrent: _Recurrent) -> Tensor:
        ctx.recurrent = recurrent
        ctx.save_for_backward(h, weight)
        return recurrent.run(h, addend)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, ...]:
        h, weight = ctx.saved_tensors
        needs_h, needs_addend, needs_weight, _ = ctx.needs_input_grad
        d_addend = d if needs_addend else None
        if torch.is_grad_enabled() or is_any_batched([d]):
            return torch.bmm(d, weight), d_addend, torch.bmm(d.mT, h), None
        if needs_weight:
            ctx.recurrent.keep(d, h)
        return (ctx.recurrent.multiply_back(d) if needs_h else None), d_addend, None, None


class _MultiplyInput(torch.autograd.Function):
    """x W_ih^T of the whole sequence: (D, N, I) by (D, G * H, I)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return project(x, weight, None)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        if torch.is_grad_enabled() or is_any_batched([d]):
            return torch.bmm(d, weight), torch.bmm(d.mT, x)
        needs_x, needs_weight = ctx.needs_input_grad
        d_weight = None
        if needs_weight:
            d_weight = torch.stack([multiply_transposed(*each) for each in zip(d, x, strict=True)])
        return (project(d, weight.mT, None) if needs_x else None), d_weight

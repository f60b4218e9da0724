"""The LSTM on a GPU: large products by cuBLAS, the time loop by Triton kernels, in both passes.

Not measured on a GPU yet; see docs/gpu.md. Import it only where Triton is installed.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from seqtrain.recurrence.cells import CELLS, Cell, State, Weights
from seqtrain.recurrence.engines.reference import reference_layer
from seqtrain.recurrence.engines.triton.launch import launch_backward, launch_forward
from seqtrain.recurrence.engines.triton.plan import Device, Plan, is_interpreted, plan_layer
from seqtrain.recurrence.engines.triton.precision import float32_products, lstm_uses_tf32
from seqtrain.recurrence.precision import without_autocast
from seqtrain.recurrence.walk import PackedWalk

H200 = Device(num_processors=132, shared_bytes=227 * 1024)  # assumed under the interpreter


def triton_layer(
    cell: Cell,  # noqa: ARG001 - an LSTM
    x: Tensor,
    weights: Sequence[Weights],
    state: State,
    walk: PackedWalk,
) -> tuple[Tensor, State]:
    """Run one layer that `explain_triton_layer` accepts; see `seqtrain.recurrence` for shapes."""
    names = tuple(weights[0])
    plan = plan_layer(
        hidden_size=state[0].size(-1),
        dtype=x.dtype,
        batch_size=walk.batch_sizes[0],
        num_directions=len(weights),
        device=describe_device(x.device),
        exact=not lstm_uses_tf32(),
    )
    return run_plan(plan, x, weights, state, walk, names)


def run_plan(
    plan: Plan,
    x: Tensor,
    weights: Sequence[Weights],
    state: State,
    walk: PackedWalk,
    names: tuple[str, ...],
) -> tuple[Tensor, State]:
    """Run one layer with this plan."""
    flat = [named[name] for name in names for named in weights]
    train = torch.is_grad_enabled() and any(t.requires_grad for t in (x, *state, *flat))
    output, h_n, c_n = _TritonLayer.apply(  # type: ignore[no-untyped-call]
        plan, walk, names, train, x, *state, *flat
    )
    return output, (h_n, c_n)


@lru_cache
def describe_device(device: torch.device) -> Device:
    """Describe a device for `plan_layer`; a CPU, where kernels are interpreted, counts as an H200."""
    if device.type != "cuda":
        return H200
    properties = torch.cuda.get_device_properties(device)
    return Device(properties.multi_processor_count, properties.shared_memory_per_block_optin)  # type: ignore[attr-defined]


class _TritonLayer(torch.autograd.Function):
    """One layer, all its directions. Weights come by name, then by direction."""

    @staticmethod
    def forward(
        ctx: Any,
        plan: Plan,
        walk: PackedWalk,
        names: tuple[str, ...],
        train: bool,
        x: Tensor,
        h_0: Tensor,
        c_0: Tensor,
        *flat: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        by_name = _by_name(names, flat)
        num_directions, _, hidden_size = h_0.shape
        weight_hh = torch.stack(by_name["weight_hh"])
        use_tf32 = lstm_uses_tf32()
        with float32_products(use_tf32):
            projected = _project(x, by_name)
        gates = projected.view(walk.num_rows, num_directions, 4 * hidden_size)
        output, cells, before, h_n, c_n = launch_forward(
            plan,
            walk,
            gates,
            weight_hh,
            (h_0.contiguous(), c_0.contiguous()),
            _precision(x.dtype, use_tf32),
            train,
        )
        if train:
            ctx.plan, ctx.walk, ctx.names, ctx.use_tf32 = plan, walk, names, use_tf32
            ctx.save_for_backward(gates, cells, before, x, h_0, c_0, *flat)
        return output, h_n, c_n

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        with without_autocast(grads[0].device.type):
            if torch.is_grad_enabled():
                return None, None, None, None, *_differentiate_reference(ctx, grads)
            with float32_products(ctx.use_tf32):
                return None, None, None, None, *_backward(ctx, *grads)


def _backward(ctx: Any, grad_output: Tensor, grad_h_n: Tensor, grad_c_n: Tensor) -> list[Tensor | None]:
    """Gradients of x, h_0, c_0 and each weight, by hand."""
    gates, cells, before, x, h_0, c_0, *flat = ctx.saved_tensors
    by_name = _by_name(ctx.names, tuple(flat))
    num_directions, batch_size, _ = h_0.shape
    weight_hh = torch.stack(by_name["weight_hh"])
    grad_c_0 = grad_c_n.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
    grad_gates = launch_backward(
        ctx.plan,
        ctx.walk,
        grad_output.contiguous(),
        gates,
        cells,
        weight_hh,
        c_0.contiguous(),
        (grad_h_n.to(torch.float32).contiguous(), grad_c_0),
        _precision(x.dtype, ctx.use_tf32),
    )

    rows = grad_gates.view(ctx.walk.num_rows, -1)
    needs_x, needs_h = ctx.needs_input_grad[4:6]
    grad_x = rows @ torch.cat(by_name["weight_ih"]) if needs_x else None
    grad_h_0 = torch.bmm(_first_steps(grad_gates, batch_size, ctx.walk), weight_hh) if needs_h else None
    by_gate = {
        "weight_ih": (rows.T @ x).chunk(num_directions),
        "weight_hh": torch.bmm(grad_gates.permute(1, 2, 0), before.transpose(0, 1)).unbind(),
    }
    if "bias_ih" in by_name:
        by_gate["bias_ih"] = rows.sum(0).chunk(num_directions)
        by_gate["bias_hh"] = tuple(bias.clone() for bias in by_gate["bias_ih"])
    return [grad_x, grad_h_0, grad_c_0, *(grad for name in ctx.names for grad in by_gate[name])]


def _first_steps(grad_gates: Tensor, batch_size: int, walk: PackedWalk) -> Tensor:
    """The rows of step 0 in each direction's walk: (D, B, 4H)."""
    forward = grad_gates[:batch_size, 0]
    if grad_gates.size(1) == 1:
        return forward.unsqueeze(0)
    if walk.is_dense:
        return torch.stack((forward, grad_gates[-batch_size:, 1]))
    return torch.stack((forward, grad_gates[walk.reversal[:batch_size], 1]))


def _differentiate_reference(ctx: Any, grads: Sequence[Tensor]) -> list[Tensor | None]:
    """The same gradients through the reference engine, so that they can be differentiated again."""
    # new nodes: one input may depend on another, or be used twice, and each is to get its own share only
    inputs = [tensor.view_as(tensor) for tensor in ctx.saved_tensors[3:]]
    x, h_0, c_0, *flat = inputs
    by_name = _by_name(ctx.names, tuple(flat))
    weights = [dict(zip(by_name, of_one, strict=True)) for of_one in zip(*by_name.values(), strict=True)]
    output, final = reference_layer(CELLS["lstm"], x, weights, (h_0, c_0), ctx.walk)
    wanted = [tensor for tensor, needed in zip(inputs, ctx.needs_input_grad[4:], strict=True) if needed]
    found = iter(torch.autograd.grad((output, *final), wanted, grads, create_graph=True, allow_unused=True))
    return [next(found) if needed else None for needed in ctx.needs_input_grad[4:]]


def _by_name(names: tuple[str, ...], flat: tuple[Tensor, ...]) -> dict[str, tuple[Tensor, ...]]:
    num_directions = len(flat) // len(names)
    return {name: flat[k * num_directions : (k + 1) * num_directions] for k, name in enumerate(names)}


def _project(x: Tensor, by_name: dict[str, tuple[Tensor, ...]]) -> Tensor:
    """The input's share of all gates, both directions in one product: (N, D * 4H)."""
    weight_ih = torch.cat(by_name["weight_ih"]).T
    if "bias_ih" not in by_name:
        return x @ weight_ih
    bias = torch.cat(by_name["bias_ih"]) + torch.cat(by_name["bias_hh"])
    return torch.addmm(bias, x, weight_ih)


def _precision(dtype: torch.dtype, use_tf32: bool) -> str:
    """How the kernels multiply; three TF32 products are as exact as one of float32, on tensor cores too."""
    if dtype != torch.float32 and is_interpreted():
        return "widened"
    return "tf32" if use_tf32 else "tf32x3"

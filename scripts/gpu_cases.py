"""The layers that `gpu_check.py` compares: how they are drawn, run and differentiated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

Inputs = Tensor | PackedSequence

RESOLUTION = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}
TF32_RESOLUTION = 2e-3


@dataclass(frozen=True)
class Case:
    """One layer in both directions, on one batch."""

    hidden_size: int
    batch_size: int
    num_steps: int
    dtype: torch.dtype
    tf32: bool = False
    packed: bool = False

    def __str__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.") + (
            "/TF32" if self.tf32 and self.dtype == torch.float32 else ""
        )
        packed = "packed" if self.packed else "padded"
        return f"H={self.hidden_size:<5}B={self.batch_size:<4}T={self.num_steps:<4}{dtype:14}{packed}"


def draw_lengths(case: Case) -> list[int]:
    generator = torch.Generator().manual_seed(case.num_steps)
    lengths = torch.randint(1, case.num_steps + 1, (case.batch_size,), generator=generator)
    lengths[0] = case.num_steps
    return sorted(lengths.tolist(), reverse=True)


def draw_input(case: Case, device: str) -> Inputs:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(case.num_steps, case.batch_size, case.hidden_size, generator=generator)
    x = x.to(device, case.dtype)
    return pack_padded_sequence(x, draw_lengths(case)) if case.packed else x


def draw_layer(case: Case, device: str) -> nn.LSTM:
    torch.manual_seed(0)
    layer = nn.LSTM(case.hidden_size, case.hidden_size, bidirectional=True)
    return layer.to(device, case.dtype)


def run_ours(layer: nn.LSTM, x: Inputs) -> tuple[Tensor, Tensor, Tensor]:
    """Our kernels with the weights of `layer`: output rows, h_n, c_n."""
    from seqtrain.recurrence import CELLS, PackedWalk
    from seqtrain.recurrence.engines.triton.engine import triton_layer

    rows, sizes = (
        (x.data, x.batch_sizes.tolist()) if isinstance(x, PackedSequence) else (x.flatten(0, 1), None)
    )
    packed = PackedWalk(sizes or [x.size(1)] * x.size(0), rows.device)  # type: ignore[union-attr]
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights = [{name: getattr(layer, f"{name}_l0{suffix}") for name in names} for suffix in ("", "_reverse")]
    h_0 = rows.new_zeros(2, packed.batch_sizes[0], layer.hidden_size)
    output, (h_n, c_n) = triton_layer(CELLS["lstm"], rows, weights, (h_0, h_0.float()), packed)
    return output, h_n, c_n


def run_torch(layer: nn.LSTM, x: Inputs) -> tuple[Tensor, Tensor, Tensor]:
    output, (h_n, c_n) = layer(x)
    rows = output.data if isinstance(output, PackedSequence) else output.flatten(0, 1)
    return rows, h_n, c_n


def differentiate(layer: nn.LSTM, x: Inputs, run: Callable[..., tuple[Tensor, ...]]) -> list[Tensor]:
    """Results, and gradients of a loss in which every result has its own weight, in float64."""
    data = x.data if isinstance(x, PackedSequence) else x
    leaf = data.detach().clone().requires_grad_()
    given = PackedSequence(leaf, *x[1:]) if isinstance(x, PackedSequence) else leaf
    values = run(layer, given)
    generator = torch.Generator().manual_seed(2)
    loss = torch.zeros((), dtype=torch.float64, device=leaf.device)
    for value in values:
        weight = torch.randn(value.shape, generator=generator).to(value.device)
        loss = loss + (value.double() * weight).sum()
    grads = torch.autograd.grad(loss, [leaf, *layer.parameters()])
    return [tensor.double() for tensor in (*values, *grads)]


def worst_error(values: list[Tensor], truth: list[Tensor]) -> float:
    """The largest difference, of each tensor relative to its largest number."""
    return max(
        ((value - exact).abs().max() / exact.abs().max()).item()
        for value, exact in zip(values, truth, strict=True)
    )


def correctness_cases(dry_run: bool) -> list[Case]:
    f32, bf16, f16 = torch.float32, torch.bfloat16, torch.float16
    if dry_run:
        return [
            *(Case(17, 17, 3, f32, packed=packed) for packed in (False, True)),
            Case(17, 3, 2, bf16),
        ]
    kinds = [(f32, True), (f32, False), (bf16, True), (f16, True)]
    sizes = (16, 64, 100, 128, 192, 256, 300, 512, 1024)
    return [
        *(Case(size, 33, 37, dtype, tf32, packed=True) for size in sizes for dtype, tf32 in kinds),
        *(Case(size, 128, 37, dtype, tf32) for size in sizes for dtype, tf32 in kinds),
        *(Case(256, 1, 37, dtype, tf32) for dtype, tf32 in kinds),
        *(Case(256, 64, 512, dtype, tf32, packed=True) for dtype, tf32 in kinds),
    ]


def timing_cases() -> list[Case]:
    batches = [(32, 128, False), (128, 128, False), (128, 512, False), (512, 128, False), (128, 128, True)]
    return [
        Case(size, batch_size, num_steps, dtype, tf32=True, packed=packed)
        for size in (64, 128, 256, 512, 1024)
        for dtype in (torch.float32, torch.bfloat16)
        for batch_size, num_steps, packed in batches
    ]

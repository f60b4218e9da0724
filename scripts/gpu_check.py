"""The first thing to run on a machine with a GPU: are the Triton kernels right there, and what do they cost?

    python scripts/gpu_check.py              all of it: about ten minutes, most of them in the compiler
    python scripts/gpu_check.py --part times only one part: errors, or times
    python scripts/gpu_check.py --dry-run    what can be checked without a GPU, interpreted, on small sizes

1. Every kernel against float64, over hidden sizes, dtypes, TF32 or not, and ragged lengths; the same bits
   twice; beside it the error of torch.nn.LSTM. Exit code 1 if a kernel errs more than twice as much and by
   more than its dtype's resolution.
2. Registers, spilled registers and shared memory of every kernel that ran.
3. Median time of a forward pass and of a training step, against torch.nn.LSTM.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

Inputs = Tensor | PackedSequence
RESOLUTION = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}
TF32_RESOLUTION = 2e-3
SECONDS_PER_CASE = 120


@dataclass(frozen=True)
class Case:
    """One layer in both directions, on one batch."""

    hidden_size: int
    batch_size: int
    num_steps: int
    dtype: torch.dtype
    tf32: bool = False
    packed: bool = False
    regime: str = "table"
    """ "table": the plan that the engine would choose; or that of a regime by name."""
    num_groups: int = 0
    """Groups of programs, where not as many as planned."""

    def __str__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.") + (
            "/TF32" if self.tf32 and self.dtype == torch.float32 else ""
        )
        packed = "packed" if self.packed else "padded"
        return f"H={self.hidden_size:<5}B={self.batch_size:<4}T={self.num_steps:<4}{dtype:14}{packed}"


def set_tf32(allowed: bool) -> None:
    torch.backends.cudnn.allow_tf32 = allowed


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


def make_plan(case: Case) -> Any:
    from seqtrain.recurrence.engines.triton import plan as plans
    from seqtrain.recurrence.engines.triton.engine import describe_device

    device = describe_device(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    size, dtype, batch_size, exact = case.hidden_size, case.dtype, case.batch_size, not case.tf32
    if case.regime == "whole":
        plan = plans.plan_whole(size, batch_size, 2)
    elif case.regime == "step":
        plan = plans.plan_step(size, dtype, batch_size)
    elif case.regime == "group":
        width = dtype.itemsize * (2 if exact and dtype == torch.float32 else 1)
        plan = plans.plan_group(size, width, 16, -(-batch_size // plans.ROWS), 2, device)
        assert plan is not None
    else:
        plan = plans.plan_layer(size, dtype, batch_size, 2, device, exact)
    return replace(plan, num_groups=case.num_groups) if case.num_groups else plan


def run_ours(layer: nn.LSTM, x: Inputs, plan: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Our kernels with the weights of `layer`: output rows, h_n, c_n."""
    from seqtrain.recurrence import PackedWalk
    from seqtrain.recurrence.engines.triton.engine import run_plan

    rows, sizes = (
        (x.data, x.batch_sizes.tolist()) if isinstance(x, PackedSequence) else (x.flatten(0, 1), None)
    )
    packed = PackedWalk(sizes or [x.size(1)] * x.size(0), rows.device)  # type: ignore[union-attr]
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights = [{name: getattr(layer, f"{name}_l0{suffix}") for name in names} for suffix in ("", "_reverse")]
    h_0 = rows.new_zeros(2, packed.batch_sizes[0], layer.hidden_size)
    output, (h_n, c_n) = run_plan(plan, rows, weights, (h_0, h_0.float()), packed, names)
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


def check(case: Case, device: str) -> bool:
    faulthandler.dump_traceback_later(SECONDS_PER_CASE, exit=True)  # no kernel may wait for ever
    set_tf32(case.tf32)
    layer, x = draw_layer(case, device), draw_input(case, device)
    plan = make_plan(case)
    exact_layer = draw_layer(replace(case, dtype=torch.float32), device).double()
    with torch.no_grad():
        for exact, rounded in zip(exact_layer.parameters(), layer.parameters(), strict=True):
            exact.copy_(rounded)
    exact_x = PackedSequence(x.data.double(), *x[1:]) if isinstance(x, PackedSequence) else x.double()
    truth = differentiate(exact_layer, exact_x, run_torch)
    first = differentiate(layer, x, lambda layer, x: run_ours(layer, x, plan))
    second = differentiate(layer, x, lambda layer, x: run_ours(layer, x, plan))
    repeats = all(torch.equal(left, right) for left, right in zip(first, second, strict=True))
    mine, theirs = worst_error(first, truth), worst_error(differentiate(layer, x, run_torch), truth)
    resolution = TF32_RESOLUTION if case.tf32 else RESOLUTION[case.dtype]
    passed = repeats and mine <= max(2 * theirs, resolution)
    tiles = f"{plan.regime:6}{plan.num_units:4} units x{plan.num_slices:4} slices x{plan.num_groups:3} groups"
    note = "ok" if passed else "WRONG" if repeats else "NOT REPEATABLE"
    print(f"{case!s:46}{tiles:42}{mine:10.1e}{theirs:10.1e}  {note}", flush=True)
    return passed


def check_all(cases: list[Case], device: str) -> bool:
    print(f"\n{'largest error relative to float64':46}{'plan':42}{'ours':>10}{'nn.LSTM':>10}")
    results = [check(case, device) for case in cases]
    print(f"{sum(results)} of {len(results)} right and repeatable")
    return all(results)


def correctness_cases(dry_run: bool) -> list[Case]:
    f32, bf16, f16 = torch.float32, torch.bfloat16, torch.float16
    if dry_run:
        return [
            Case(17, 17, 3, f32, packed=packed, regime=regime)
            for regime in ("whole", "group", "step")
            for packed in (False, True)
        ] + [Case(17, 3, 2, bf16, regime="group"), Case(17, 33, 2, f32, regime="group", num_groups=2)]
    kinds = [(f32, True), (f32, False), (bf16, True), (f16, True)]
    sizes = (16, 64, 100, 128, 192, 256, 300, 512, 1024)
    return [
        *(Case(size, 33, 37, dtype, tf32, packed=True) for size in sizes for dtype, tf32 in kinds),
        *(Case(size, 128, 37, dtype, tf32) for size in sizes for dtype, tf32 in kinds),
        *(Case(256, 1, 37, dtype, tf32) for dtype, tf32 in kinds),
        *(Case(256, 64, 512, dtype, tf32, packed=True) for dtype, tf32 in kinds),
        *(Case(256, 128, 37, f32, tf32=True, packed=packed, regime="step") for packed in (False, True)),
        *(Case(256, 128, 37, bf16, False, packed, "group", num_groups=2) for packed in (False, True)),
    ]


def print_resources() -> None:
    """What the compiler gave each kernel; a spilled register is a read and a write of memory in each step."""
    from seqtrain.recurrence.engines.triton import kernels

    print(f"\n{'kernel':16}{'registers':>10}{'spilled':>9}{'shared':>9}  compiled for")
    for name in kernels.__all__:
        kernel = getattr(kernels, name)
        for cache, *_ in kernel.device_caches.values():
            for key, compiled in cache.items():
                constants = [str(part) for part in str(key).split("'constexpr', ")[1:]]
                sizes = ",".join(part.split(")")[0] for part in constants)
                numbers = (compiled.n_regs, compiled.n_spills, compiled.metadata.shared)
                print(f"{name:16}{numbers[0]:>10}{numbers[1]:>9}{numbers[2]:>9}  {sizes}")


def median_time(run: Callable[[], Any], repeats: int = 20) -> float:
    """Milliseconds on the GPU, by events, after a warm-up."""
    for _ in range(3):
        run()
    times = []
    for _ in range(repeats):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def time_case(case: Case) -> None:
    faulthandler.dump_traceback_later(SECONDS_PER_CASE, exit=True)
    set_tf32(case.tf32)
    layer, x = draw_layer(case, "cuda"), draw_input(case, "cuda")
    plan = make_plan(case)

    def step(run: Callable[[nn.LSTM, Inputs], tuple[Tensor, ...]]) -> None:
        layer.zero_grad(set_to_none=True)
        run(layer, x)[0].sum().backward()

    def ours(layer: nn.LSTM, x: Inputs) -> tuple[Tensor, ...]:
        return run_ours(layer, x, plan)

    times = []
    for run in (ours, run_torch):
        with torch.no_grad():
            times.append(median_time(lambda run=run: run(layer, x)))  # type: ignore[misc]
        times.append(median_time(lambda run=run: step(run)))  # type: ignore[misc]
    forward, training, torch_forward, torch_training = times
    print(
        f"{case!s:46}{plan.regime:6}{forward:9.3f}{torch_forward:9.3f}{forward / torch_forward:7.2f}"
        f"{training:12.3f}{torch_training:9.3f}{training / torch_training:7.2f}"
        f"{1000 * training / case.num_steps:12.2f}",
        flush=True,
    )


def print_times(cases: list[Case]) -> None:
    print(f"\nmilliseconds, median of 20{'':25}{'forward':>14}{'nn.LSTM':>9}{'ratio':>7}", end="")
    print(f"{'training':>12}{'nn.LSTM':>9}{'ratio':>7}{'us a step':>12}")
    for case in cases:
        time_case(case)


def timing_cases() -> list[Case]:
    batches = [(32, 128, False), (128, 128, False), (128, 512, False), (512, 128, False), (128, 128, True)]
    return [
        Case(size, batch_size, num_steps, dtype, tf32=True, packed=packed)
        for size in (64, 128, 256, 512, 1024)
        for dtype in (torch.float32, torch.bfloat16)
        for batch_size, num_steps, packed in batches
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="interpreted, on the CPU, on small sizes")
    parser.add_argument("--part", choices=["errors", "times"], help="leave the other one out")
    arguments = parser.parse_args()
    dry_run: bool = arguments.dry_run
    if dry_run:
        os.environ["TRITON_INTERPRET"] = "1"
    elif not torch.cuda.is_available():
        print("There is no GPU here. Add --dry-run to check the kernels, interpreted.", file=sys.stderr)
        return 2
    import triton

    print(f"torch {torch.__version__}, triton {triton.__version__}", end="")
    if not dry_run:
        print(f", cuDNN {torch.backends.cudnn.version()}, {torch.cuda.get_device_properties(0)}", end="")
    print()
    passed = True
    if arguments.part != "times":
        passed = check_all(correctness_cases(dry_run), "cpu" if dry_run else "cuda")
    if arguments.part != "errors" and not dry_run:
        print_times(timing_cases())
    faulthandler.cancel_dump_traceback_later()
    if not dry_run:
        print_resources()
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())

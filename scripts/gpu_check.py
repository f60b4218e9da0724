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
from dataclasses import replace
from typing import Any

import torch
from gpu_cases import (
    RESOLUTION,
    TF32_RESOLUTION,
    Case,
    Inputs,
    correctness_cases,
    differentiate,
    draw_input,
    draw_layer,
    run_ours,
    run_torch,
    timing_cases,
    worst_error,
)
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

SECONDS_PER_CASE = 120


def set_tf32(allowed: bool) -> None:
    torch.backends.cudnn.allow_tf32 = allowed


def check(case: Case, device: str) -> bool:
    faulthandler.dump_traceback_later(SECONDS_PER_CASE, exit=True)  # in case a kernel hangs
    set_tf32(case.tf32)
    layer, x = draw_layer(case, device), draw_input(case, device)
    exact_layer = draw_layer(replace(case, dtype=torch.float32), device).double()
    with torch.no_grad():
        for exact, rounded in zip(exact_layer.parameters(), layer.parameters(), strict=True):
            exact.copy_(rounded)
    exact_x = PackedSequence(x.data.double(), *x[1:]) if isinstance(x, PackedSequence) else x.double()
    truth = differentiate(exact_layer, exact_x, run_torch)
    first = differentiate(layer, x, run_ours)
    second = differentiate(layer, x, run_ours)
    repeats = all(torch.equal(left, right) for left, right in zip(first, second, strict=True))
    mine, theirs = worst_error(first, truth), worst_error(differentiate(layer, x, run_torch), truth)
    resolution = TF32_RESOLUTION if case.tf32 else RESOLUTION[case.dtype]
    passed = repeats and mine <= max(2 * theirs, resolution)
    note = "ok" if passed else "WRONG" if repeats else "NOT REPEATABLE"
    print(f"{case!s:46}{mine:10.1e}{theirs:10.1e}  {note}", flush=True)
    return passed


def check_all(cases: list[Case], device: str) -> bool:
    print(f"\n{'largest error relative to float64':46}{'ours':>10}{'nn.LSTM':>10}")
    results = [check(case, device) for case in cases]
    print(f"{sum(results)} of {len(results)} right and repeatable")
    return all(results)


def print_resources() -> None:
    """What the compiler gave each kernel; a spilled register is a read and a write of memory in each step."""
    from seqtrain.recurrence.engines.triton import kernels

    print(f"\n{'kernel':16}{'registers':>10}{'spilled':>9}{'shared':>9}  compiled for")
    for name in ("forward_step", "backward_step"):
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

    def step(run: Callable[[nn.LSTM, Inputs], tuple[Tensor, ...]]) -> None:
        layer.zero_grad(set_to_none=True)
        run(layer, x)[0].sum().backward()

    times = []
    for run in (run_ours, run_torch):
        with torch.no_grad():
            times.append(median_time(lambda run=run: run(layer, x)))  # type: ignore[misc]
        times.append(median_time(lambda run=run: step(run)))  # type: ignore[misc]
    forward, training, torch_forward, torch_training = times
    print(
        f"{case!s:46}{forward:9.3f}{torch_forward:9.3f}{forward / torch_forward:7.2f}"
        f"{training:12.3f}{torch_training:9.3f}{training / torch_training:7.2f}"
        f"{1000 * training / case.num_steps:12.2f}",
        flush=True,
    )


def print_times(cases: list[Case]) -> None:
    print(f"\nmilliseconds, median of 20{'':19}{'forward':>14}{'nn.LSTM':>9}{'ratio':>7}", end="")
    print(f"{'training':>12}{'nn.LSTM':>9}{'ratio':>7}{'us a step':>12}")
    for case in cases:
        time_case(case)


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

"""Compare the Triton kernels with float64, in one dtype: part of `gpu_check.py`.

    python scripts/gpu_cases.py float32

BiLSTM runs layers by the kernels, in both directions and one, padded and packed, with and without biases
and initial states, under autocast and in evaluation mode; outputs, final states and all gradients are
compared with nn.LSTM in float64, beside those of nn.LSTM in the same dtype, and must repeat bit by bit.
Prints a line a layer; exit code 1 where one is wrong. A layer that takes two minutes, after its kernels are
compiled, ends the script with a traceback.
"""

from __future__ import annotations

import argparse
import faulthandler
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from gpu_compile import DTYPES, compiling
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from seqtrain.model import BiLSTM
from seqtrain.recurrence.engines.triton.support import RESOLUTION, find_problem, worst_error

SECONDS_PER_CASE = 120
INPUT_SIZE = 24
NUMBERS = {str(dtype).removeprefix("torch."): dtype for dtype in DTYPES}
Layer: TypeAlias = "nn.LSTM | BiLSTM"


@dataclass(frozen=True)
class Case:
    """One layer on one batch."""

    hidden_size: int
    batch_size: int
    num_steps: int
    packed: bool = False
    bidirectional: bool = True
    bias: bool = True
    starts: bool = False  # h_0 and c_0 are given
    autocast: bool = False  # parameters and input are float32
    evaluation: bool = False  # no gradients
    scale: float = 1.0  # of input and parameters

    def __str__(self) -> str:
        kinds = {
            "packed": self.packed,
            "one direction": not self.bidirectional,
            "no bias": not self.bias,
            "h_0, c_0": self.starts,
            "autocast": self.autocast,
            "evaluation": self.evaluation,
            f"numbers of {self.scale:g}": self.scale != 1,
        }
        sizes = f"H={self.hidden_size} B={self.batch_size} T={self.num_steps}"
        return ", ".join([sizes, *(name for name, holds in kinds.items() if holds)])


def list_cases(dtype: torch.dtype, dry_run: bool) -> Iterator[Case]:
    """Layers of many sizes, then one size with all else that changes what runs."""
    usual = Case(17, 5, 3) if dry_run else Case(100, 33, 37)
    if not dry_run:
        for hidden_size in (1, 16, 64, 100, 128, 192, 256, 300, 512, 1024):
            yield Case(hidden_size, 33, 37, packed=True)
            yield Case(hidden_size, 128, 37)
        yield Case(256, 1, 37)
        yield Case(256, 64, 512, packed=True)
    yield usual
    for packed in (False, True):
        yield replace(usual, packed=packed, bidirectional=False)
        yield replace(usual, packed=packed, starts=True)
        yield replace(usual, packed=packed, evaluation=True)
    yield replace(usual, packed=True, bias=False)
    if dtype == torch.float32:
        yield replace(usual, packed=True, scale=1e-4)
    else:
        yield replace(usual, packed=True, autocast=True)
        yield replace(usual, autocast=True, evaluation=True)


@dataclass(frozen=True)
class Batch:
    """What goes into a layer, but for its parameters."""

    x: Tensor
    lengths: Tensor | None
    state: tuple[Tensor, Tensor] | None

    def map(self, to: torch.dtype) -> Batch:
        state = None if self.state is None else (self.state[0].to(to), self.state[1].to(to))
        return Batch(self.x.to(to), self.lengths, state)


def draw_batch(case: Case, device: str, dtype: torch.dtype) -> Batch:
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return (case.scale * torch.randn(shape, generator=generator)).to(device, dtype)

    x = draw(case.num_steps, case.batch_size, INPUT_SIZE)
    shape = (2 if case.bidirectional else 1, case.batch_size, case.hidden_size)
    state = (draw(*shape), draw(*shape)) if case.starts else None
    if not case.packed:
        return Batch(x, None, state)
    lengths = torch.randint(1, case.num_steps + 1, (case.batch_size,), generator=generator)
    lengths[0] = case.num_steps
    return Batch(x, lengths, state)


def draw_layers(case: Case, device: str, dtype: torch.dtype) -> tuple[Layer, Layer, Layer]:
    """One layer three times: by the kernels, nn.LSTM, and nn.LSTM in float64."""
    torch.manual_seed(0)
    sizes = (INPUT_SIZE, case.hidden_size)
    theirs = nn.LSTM(*sizes, bias=case.bias, bidirectional=case.bidirectional)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(case.scale)
    theirs.to(device, dtype)
    options = {"bias": case.bias, "bidirectional": case.bidirectional}
    ours, exact = BiLSTM(*sizes, **options, backend="triton"), nn.LSTM(*sizes, **options)
    layers = (ours.to(device, dtype), theirs, exact.to(device, torch.float64))
    for layer in layers:
        layer.load_state_dict(theirs.state_dict())
        layer.train(not case.evaluation)
    return layers


def run(layer: Layer, batch: Batch) -> tuple[Tensor, ...]:
    given = batch.x
    if batch.lengths is not None:
        given = pack_padded_sequence(batch.x, batch.lengths, enforce_sorted=False)
    output, final = layer(given, batch.state)
    return (output.data if isinstance(output, PackedSequence) else output), *final


def evaluate(layer: Layer, batch: Batch, case: Case, dtype: torch.dtype | None) -> list[Tensor]:
    """Outputs and final states, and gradients of a sum in which every number has its own weight.

    `dtype` is autocast's, None without.
    """
    device = batch.x.device.type
    autocast = nullcontext() if dtype is None else torch.autocast(device, dtype)
    if case.evaluation:
        with torch.no_grad(), autocast:
            return list(run(layer, batch))
    leaves = [tensor.detach().requires_grad_() for tensor in (batch.x, *(batch.state or ()))]
    state = (leaves[1], leaves[2]) if case.starts else None
    with autocast:
        values = run(layer, Batch(leaves[0], batch.lengths, state))
    generator = torch.Generator().manual_seed(2)
    weights = [torch.randn(value.shape, generator=generator).to(batch.x.device) for value in values]
    loss = torch.stack([(v.double() * w).sum() for v, w in zip(values, weights, strict=True)]).sum()
    return [*values, *torch.autograd.grad(loss, [*leaves, *layer.parameters()])]


@contextmanager
def watching() -> Iterator[None]:
    """End the process with a traceback after SECONDS_PER_CASE, in case a kernel hangs."""
    faulthandler.dump_traceback_later(SECONDS_PER_CASE, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def check(case: Case, device: str, dtype: torch.dtype) -> bool:
    """Compare one layer; print a line."""
    own_dtype, autocast = (torch.float32, dtype) if case.autocast else (dtype, None)
    batch = draw_batch(case, device, own_dtype)
    ours, theirs, exact = draw_layers(case, device, own_dtype)
    with compiling():
        evaluate(ours, batch, case, autocast)
    with watching():
        truth = evaluate(exact, batch.map(torch.float64), case, None)
        first, second = (evaluate(ours, batch, case, autocast) for _ in range(2))
        our_error = worst_error(first, truth)
        their_error = worst_error(evaluate(theirs, batch, case, autocast), truth)
    is_exact = our_error <= max(4 * their_error, RESOLUTION[dtype])  # not where it is nan
    repeats = all(torch.equal(left, right) for left, right in zip(first, second, strict=True))
    note = ("ok" if repeats else "NOT REPEATABLE") if is_exact else "WRONG"
    print(f"{case!s:42}{our_error:10.1e}{their_error:10.1e}  {note}", flush=True)
    return note == "ok"


def check_auto(device: str, dtype: torch.dtype) -> bool:
    """What backend="auto" finds when it tries the kernels, and how long that takes."""
    where = torch.device(device, 0 if device == "cuda" else None)
    with compiling():
        find_problem(where, dtype)
    seconds = math.inf
    for _ in range(2):  # the first time loads libraries
        began = time.perf_counter()
        with watching():
            problem = find_problem(where, dtype)
        seconds = min(seconds, time.perf_counter() - began)
    print(f"backend=auto tries them: {1000 * seconds:.0f} ms  {problem or 'ok'}", flush=True)
    return problem is None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dtype", choices=NUMBERS)
    parser.add_argument("--dry-run", action="store_true", help="interpreted, on the CPU, on small layers")
    options = parser.parse_args()
    if options.dry_run:
        import triton  # noqa: F401 - its own functions are not to be interpreted

        os.environ["TRITON_INTERPRET"] = "1"
        torch.backends.mkldnn.enabled = False  # its LSTM has no float16 on most CPUs
    torch.backends.cudnn.allow_tf32 = False  # which the kernels never use
    device, dtype = "cpu" if options.dry_run else "cuda", NUMBERS[options.dtype]
    print(f"{'largest error relative to float64':42}{'ours':>10}{'nn.LSTM':>10}")
    passed = [check_auto(device, dtype)]
    passed += [check(case, device, dtype) for case in list_cases(dtype, options.dry_run)]
    print(f"{sum(passed)} of {len(passed)} are right")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())

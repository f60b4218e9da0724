"""Compile every Triton kernel for some GPUs, without a GPU, exactly as its launches would.

    python scripts/gpu_compile.py 80 89 90

Layers of every dtype go through the engine, padded and packed, with one direction and two, from states of
zero and others, with sizes that align and sizes that do not; each launch compiles its kernel in place of
running it. Prints a line for each compiled kernel; exit code 1 where the compiler refuses one, or one has
TF32 products of float32 or atomic operations.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqtrain.recurrence import CELLS, PackedWalk

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
SIZES = ((1, 1), (17, 3), (128, 100))  # hidden units and sequences: one, odd, and larger tiles that align


@dataclass(frozen=True)
class Target:
    """Stands for the GPU that Triton's launcher would ask."""

    capability: int

    def get_current_target(self) -> Any:
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", self.capability, 32)

    def get_current_device(self) -> int:
        return self.capability  # the launcher keeps what it compiled by device

    def get_current_stream(self, device: int) -> int:
        return 0


@contextmanager
def compiling() -> Iterator[list[tuple[Any, Any]]]:
    """Compile launches in place of running them; what was compiled follows as (launch, kernel)."""
    from seqtrain.recurrence.engines.triton.engine import Launch

    run, compiled = Launch.run, []

    def compile_only(launch: Launch) -> None:
        compiled.append((launch, launch.compile()))

    Launch.run = compile_only  # type: ignore[method-assign]
    try:
        yield compiled
    finally:
        Launch.run = run  # type: ignore[method-assign]


def run_layers(dtype: torch.dtype) -> None:
    """Forward and backward passes of layers that between them have all kinds of launches."""
    for hidden_size, batch_size in SIZES:
        for num_directions in (1, 2):
            for last_size in (batch_size, 1):  # padded, packed
                for h_0 in (torch.zeros, torch.ones):
                    states = (num_directions, batch_size, hidden_size)
                    state = (h_0(states, dtype=dtype), h_0(states))
                    run_layer(hidden_size, [batch_size, batch_size, last_size], state)


def run_layer(hidden_size: int, batch_sizes: list[int], state: tuple[Tensor, Tensor]) -> None:
    from seqtrain.recurrence.engines.triton.engine import triton_layer

    walk, dtype = PackedWalk(batch_sizes, torch.device("cpu")), state[0].dtype
    shapes = CELLS["lstm"].shapes(5, hidden_size, bias=True)
    weights = [
        {name: torch.ones(shape, dtype=dtype, requires_grad=True) for name, shape in shapes.items()}
        for _ in range(state[0].size(0))
    ]
    output, _ = triton_layer(CELLS["lstm"], torch.ones(walk.num_rows, 5, dtype=dtype), weights, state, walk)
    output.sum().backward()


def compile_all(capability: int, dtype: torch.dtype) -> list[Any]:
    """Compile what this dtype needs; returns the compiled kernels, each once."""
    from triton.runtime import driver

    driver.set_active(Target(capability))
    with compiling() as compiled:
        run_layers(dtype)
    return list({id(kernel): kernel for _, kernel in compiled}.values())


def find_fault(kernel: Any, dtype: torch.dtype) -> str | None:
    """What a kernel of ours must not have: inexact products of float32, and anything that programs share."""
    code = kernel.asm["ptx"]
    if dtype == torch.float32 and "tf32" in code:
        return "TF32 in float32"
    return "atomic operations" if re.search(r"\b(atom|red)\.", code) else None


def describe(kernel: Any, dtype: torch.dtype) -> str:
    metadata, number = kernel.metadata, str(dtype).removeprefix("torch.")
    target = f"sm_{metadata.target.arch}"
    registers, stack = read_resources(kernel.asm["cubin"])
    note = find_fault(kernel, dtype) or "ok"
    return f"{target:8}{metadata.name:15}{number:9}{registers:10}{stack:8}{metadata.shared:8}  {note}"


def read_resources(code: bytes) -> tuple[int, int]:
    """Registers of a thread, and the bytes that it keeps in memory for want of registers."""
    import triton

    program = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(code)
        file.flush()
        output = subprocess.check_output([program, "-res-usage", file.name], text=True)
    found = re.search(r"REG:(\d+) STACK:(\d+)", output)
    assert found, output
    return int(found[1]), int(found[2])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "capabilities", nargs="+", type=int, help="80 for an A100, 89 for an L4, 90 for an H100"
    )
    capabilities = parser.parse_args().capabilities
    os.environ.pop("TRITON_INTERPRET", None)
    import triton

    print(f"{'target':8}{'kernel':15}{'dtype':9}{'registers':>10}{'spilled':>8}{'shared':>8}")
    started_at, faults = time.monotonic(), []
    for capability in capabilities:
        for dtype in DTYPES:
            for kernel in compile_all(capability, dtype):
                print(describe(kernel, dtype), flush=True)
                faults.append(find_fault(kernel, dtype))
    seconds = time.monotonic() - started_at
    print(f"{len(faults)} kernels compiled by triton {triton.__version__} in {seconds:.0f} s")
    return 1 if any(faults) else 0


if __name__ == "__main__":
    sys.exit(main())

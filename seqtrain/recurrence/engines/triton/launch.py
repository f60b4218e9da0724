"""The launches of one layer: one for each time step. Importing this module imports Triton."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqtrain.recurrence.engines.triton import kernels
from seqtrain.recurrence.engines.triton.support import is_interpreted
from seqtrain.recurrence.walk import PackedWalk

UNITS = 32  # hidden units of a program, with all four gates


@dataclass(frozen=True)
class Launch:
    """A kernel with all that it is started with: what a test compiles without a GPU is what runs on one."""

    kernel: Any
    grid: tuple[int, int, int]
    arguments: tuple[Any, ...]
    constants: dict[str, Any]

    def run(self) -> None:
        self.kernel[self.grid](*self.arguments, **self.constants)

    def compile(self) -> Any:
        """The compiled kernel, without running it."""
        return self.kernel.warmup(*self.arguments, grid=self.grid, **self.constants)


def run_all(launches: Iterable[Launch], device: torch.device) -> None:
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        for launch in launches:
            launch.run()


def forward_launches(
    walk: PackedWalk, gates: Tensor, weight_hh: Tensor, h: Tensor, c: Tensor
) -> Iterator[Launch]:
    """The launches of a forward pass; see `kernels.forward_step`. The first B rows of h and c are given."""
    batch_size = walk.batch_sizes[0]
    tensors = (gates, weight_hh, h, c)
    constants = _constants(h, batch_size)
    for step, alive in enumerate(walk.batch_sizes):
        arguments = (*tensors, walk.offsets[step], _first_before(walk, step), alive, *_sizes(walk, h))
        yield Launch(kernels.forward_step, _grid(h, alive, constants), arguments, constants)


def backward_launches(
    walk: PackedWalk, gates: Tensor, weight_hh: Tensor, c: Tensor, d_h: Tensor, d_c: Tensor, d_gates: Tensor
) -> Iterator[Launch]:
    """The launches of a backward pass, last step first; see `kernels.backward_step`."""
    batch_size = walk.batch_sizes[0]
    tensors = (gates, weight_hh, c, d_h, d_c, d_gates)
    constants = _constants(d_h, batch_size)
    next_sizes = [*walk.batch_sizes[1:], 0]
    for step in reversed(range(len(next_sizes))):
        alive = walk.batch_sizes[step]
        places = (walk.offsets[step], _first_before(walk, step), alive, next_sizes[step])
        arguments = (*tensors, *places, *_sizes(walk, d_h))
        yield Launch(kernels.backward_step, _grid(d_h, alive, constants), arguments, constants)


def _first_before(walk: PackedWalk, step: int) -> int:
    """The first row, with the B initial ones before all others, of the states that a step starts from."""
    return walk.batch_sizes[0] + walk.offsets[step - 1] if step > 0 else 0


def _sizes(walk: PackedWalk, h: Tensor) -> tuple[int, int, int]:
    return walk.num_rows, walk.batch_sizes[0], h.size(2)


def _constants(h: Tensor, batch_size: int) -> dict[str, Any]:
    """Tiles of 16 at least, as tensor cores take them, and small enough for a thread's registers."""
    exact = h.dtype == torch.float32
    return {
        "ROWS": 16 if batch_size <= 64 else 32,
        "UNITS": UNITS,
        "CHUNK": 16 if exact else 64,
        "WIDEN": is_interpreted() and not exact,
        "num_warps": 4,
    }


def _grid(h: Tensor, alive: int, constants: dict[str, Any]) -> tuple[int, int, int]:
    return -(-alive // constants["ROWS"]), -(-h.size(2) // UNITS), h.size(0)

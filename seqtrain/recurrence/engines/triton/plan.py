"""Which kernel runs a layer on a GPU, and with which tiles: a small table, without measuring at run time.

Not measured yet: the limits below come from arithmetic and from what the compiler reports (docs/gpu.md).
"""

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec

import torch

from seqtrain.recurrence.cells import State

MIN_HIDDEN_SIZE, MAX_HIDDEN_SIZE = 16, 1024
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
ROWS = 16  # sequences of a tile: the least that a tensor core multiplies
SLICE_BYTES = 128 * 1024  # of W_hh in one multiprocessor's shared memory, beside what it is multiplied by
GRADIENT_BYTES = 64 * 1024  # of gate gradients beside it
SCRATCH_BYTES = 20 * 1024  # for sums over warps and changes of layout
WHOLE_BYTES = 128 * 1024  # of all of W_hh of one direction in one program


@dataclass(frozen=True)
class Device:
    """The properties of a GPU that a plan depends on."""

    num_processors: int
    shared_bytes: int
    """Shared memory that one program may have."""


@dataclass(frozen=True)
class Plan:
    """Regime and tiles of one layer.

    regime "whole": a program owns some sequences; "group": so does a group of programs, with one meeting per
    step; "step": one launch per step.
    """

    regime: str
    num_units: int
    """Hidden units of a program."""
    num_rows: int
    """Sequences of a tile."""
    num_slices: int
    num_groups: int
    """Programs along the sequences. In regime "group" each walks over its share of the tiles."""
    directions_at_once: int
    num_warps: int
    chunk: int
    """Terms of a sum that are multiplied together."""
    gradient_chunk: int
    gradients_at_once: int


def explain_triton() -> str | None:
    """Explain why the Triton kernels cannot run here; None if they can."""
    version = triton_version()
    if version is None:
        return (
            "backend='triton' needs the package triton, which comes with torch for CUDA on Linux. "
            "Install it, or use backend='auto'."
        )
    if tuple(int(part) for part in version.split(".")[:2]) < (3, 3):
        return (
            f"backend='triton' needs triton 3.3, of torch 2.7, or later, got: {version}. Use backend='auto'."
        )
    return None


def triton_version() -> str | None:
    """None where Triton is not installed."""
    if find_spec("triton") is None:
        return None
    import triton

    return str(triton.__version__)


def explain_triton_layer(x: torch.Tensor, state: State) -> str | None:
    """Explain why the Triton kernels cannot run an LSTM layer on these tensors; None if they can."""
    if refusal := explain_triton():
        return refusal
    hidden_size = state[0].size(-1)
    if x.dtype not in DTYPES:
        return f"backend='triton' runs float32, bfloat16 and float16, got: {x.dtype}. Use backend='eager'."
    if not MIN_HIDDEN_SIZE <= hidden_size <= MAX_HIDDEN_SIZE:
        return (
            f"backend='triton' runs hidden_size {MIN_HIDDEN_SIZE} to {MAX_HIDDEN_SIZE}, got: {hidden_size}. "
            "Use backend='eager'."
        )
    if x.device.type != "cuda" and not is_interpreted():
        return (
            f"backend='triton' needs tensors on a CUDA device, got: {x.device}. "
            "Move the layer and its input there, or use backend='auto'."
        )
    return None


def is_interpreted() -> bool:
    """Whether Triton was told, when it met our kernels, to interpret them on the CPU, as our tests do."""
    kernels = sys.modules.get("seqtrain.recurrence.engines.triton.kernels")
    if kernels is None:
        return os.environ.get("TRITON_INTERPRET") == "1"
    import triton

    return not isinstance(kernels.forward_group, triton.JITFunction)


def plan_layer(
    hidden_size: int, dtype: torch.dtype, batch_size: int, num_directions: int, device: Device, exact: bool
) -> Plan:
    """The regime and the tiles of a layer that `explain_triton_layer` accepts.

    `exact` float32 products take each operand in two parts, so W_hh takes twice the room.
    """
    width = dtype.itemsize * (2 if exact and dtype == torch.float32 else 1)
    if 4 * _round_up(hidden_size) ** 2 * width <= WHOLE_BYTES:
        return plan_whole(hidden_size, batch_size, num_directions)
    num_tiles = -(-batch_size // ROWS)
    fitting = [
        plan
        for num_units in (16, 32, 64, 8)
        if (plan := plan_group(hidden_size, width, num_units, num_tiles, num_directions, device))
    ]
    # the smallest slice with which every tile has a group of its own; else the one with most groups
    for plan in fitting:
        if plan.num_groups == num_tiles and plan.directions_at_once == num_directions:
            return plan
    if fitting:
        return max(fitting, key=lambda plan: plan.num_groups * plan.directions_at_once)
    return plan_step(hidden_size, dtype, batch_size)


def plan_whole(hidden_size: int, batch_size: int, num_directions: int) -> Plan:
    """A plan in which a program holds all of W_hh of a direction."""
    padded = _round_up(hidden_size)
    return Plan(
        regime="whole",
        num_units=padded,
        num_rows=ROWS,
        num_slices=1,
        num_groups=-(-batch_size // ROWS),
        directions_at_once=num_directions,
        num_warps=min(8, padded // 8),
        chunk=padded,
        gradient_chunk=padded,
        gradients_at_once=1,
    )


def plan_group(
    hidden_size: int, width: int, num_units: int, num_tiles: int, num_directions: int, device: Device
) -> Plan | None:
    """A plan with all programs on the device at once, one per multiprocessor; None if there is none."""
    num_warps = 8 if num_units >= 32 or width == 8 else 4  # 8: two registers for each weight
    chunk = min(256 // width, _round_up(hidden_size))
    terms = -(-hidden_size // chunk) * chunk
    stretch = -(-4 * hidden_size // num_warps)
    gradient_chunk = min(256 // width, _round_up(stretch))
    num_chunks = -(-stretch // gradient_chunk)
    chunk_bytes = num_warps * ROWS * gradient_chunk * width
    at_once = min(num_chunks, max(1, GRADIENT_BYTES // chunk_bytes))
    forward_bytes = (4 * num_units + ROWS) * terms * width
    slice_bytes = num_warps * num_chunks * gradient_chunk * num_units * width
    needed = max(forward_bytes, slice_bytes + at_once * chunk_bytes) + SCRATCH_BYTES
    if max(slice_bytes, 4 * num_units * terms * width) > SLICE_BYTES or needed > device.shared_bytes:
        return None

    num_slices = -(-hidden_size // num_units)
    for directions_at_once in range(num_directions, 0, -1):
        num_groups = min(num_tiles, device.num_processors // (num_slices * directions_at_once))
        if num_groups > 0:
            return Plan(
                regime="group",
                num_units=num_units,
                num_rows=ROWS,
                num_slices=num_slices,
                num_groups=num_groups,
                directions_at_once=directions_at_once,
                num_warps=num_warps,
                chunk=chunk,
                gradient_chunk=gradient_chunk,
                gradients_at_once=at_once,
            )
    return None


def plan_step(hidden_size: int, dtype: torch.dtype, batch_size: int) -> Plan:
    """A plan with one launch per step."""
    num_rows = 64 if batch_size > 32 else ROWS
    chunk = 128 // dtype.itemsize
    return Plan(
        regime="step",
        num_units=32,
        num_rows=num_rows,
        num_slices=-(-hidden_size // 32),
        num_groups=-(-batch_size // num_rows),
        directions_at_once=2,
        num_warps=8,
        chunk=chunk,
        gradient_chunk=chunk,
        gradients_at_once=1,
    )


def _round_up(size: int) -> int:
    """To a power of two, as Triton's tiles are, and to the least that a tensor core multiplies."""
    return max(16, 1 << (size - 1).bit_length())

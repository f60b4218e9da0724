"""The backward pass of a group of programs; see group.py."""

import triton
import triton.language as tl

from seqtrain.recurrence.engines.triton.kernels.cell import (
    find_rows,
    load_saved,
    multiply,
    rows_alive,
    steps_alive,
)
from seqtrain.recurrence.engines.triton.kernels.group import RUNTIME, arrive, wait
from seqtrain.recurrence.engines.triton.kernels.tile import finish_backward


@triton.jit
def stretches(chunk, H: tl.constexpr, STRETCH: tl.constexpr, CHUNK: tl.constexpr, PARTS: tl.constexpr):
    """Where the terms of a chunk lie among the 4H gates, and which are real: (PARTS, CHUNK) each.

    The sum over the gates is cut into PARTS stretches, each within a gate.
    """
    number = tl.arange(0, PARTS)
    k = (number % (PARTS // 4) * STRETCH)[:, None] + chunk + tl.arange(0, CHUNK)[None, :]
    return (number // (PARTS // 4) * H)[:, None] + k, k < H


@triton.jit
def load_columns(weight_hh, direction, units, H: tl.constexpr, CHUNK: tl.constexpr, PARTS: tl.constexpr):
    """Columns of W_hh, of some units: chunks of (PARTS, CHUNK, UNITS)."""
    STRETCH: tl.constexpr = (4 * H + PARTS * CHUNK - 1) // (PARTS * CHUNK) * CHUNK
    parts = ()
    for chunk in tl.static_range(0, STRETCH, CHUNK):
        gate, valid = stretches(chunk, H, STRETCH, CHUNK, PARTS)
        at = ((direction * 4 * H + gate) * H)[:, :, None] + units[None, None, :]
        part = tl.load(weight_hh + at, mask=valid[:, :, None] & (units < H)[None, None, :], other=0.0)
        parts = parts + (part,)
    return parts


@triton.jit
def multiply_gradients(
    base,
    alive,
    weights,
    H: tl.constexpr,
    UNITS: tl.constexpr,
    CHUNK: tl.constexpr,
    AT_ONCE: tl.constexpr,
    PARTS: tl.constexpr,
    ROWS: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Gate gradients of a tile of sequences, rows starting at `base`, times columns of W_hh: (ROWS, UNITS).

    AT_ONCE chunks are on their way together: more of them would not fit beside W_hh.
    """
    STRETCH: tl.constexpr = (4 * H + PARTS * CHUNK - 1) // (PARTS * CHUNK) * CHUNK
    sums = tl.full((PARTS, ROWS, UNITS), 0.0, tl.float32)
    for first in tl.static_range(0, len(weights), AT_ONCE):
        parts = ()
        for number in tl.static_range(first, first + AT_ONCE):
            if number < len(weights):
                gate, valid = stretches(number * CHUNK, H, STRETCH, CHUNK, PARTS)
                at = base[None, :, None] + gate[:, None, :]
                inside = alive[None, :, None] & valid[:, None, :]
                # .cg: other programs wrote this, past our first-level cache
                part = tl.load(at, mask=inside, other=0.0, cache_modifier=".cg")
                parts = parts + (part,)
        for number in tl.static_range(len(parts)):
            sums = multiply(parts[number], weights[first + number], sums, PRECISION)
    # tl.sum, in the form that also runs where only these kernels, not Triton itself, are interpreted
    return tl.reduce(sums, 0, tl.standard._sum_combine)


@triton.jit(do_not_specialize=RUNTIME)
def backward_group(
    grad_output,  # (N, D, H)
    gates,  # (N, D, 4H), activated
    cells,  # (N, D, H), float32
    weight_hh,  # (D, 4H, H)
    c_0,  # (D, B, H), float32
    grad_h,  # (D, B, H), float32: gradient of h_n
    grad_c,  # (D, B, H), float32: gradient of c_n, replaced by that of c_0
    grad_gates,  # (N, D, 4H): result, before the activation
    tables,
    reversal,
    arrivals,
    step_begin,
    step_end,
    num_steps,
    batch_size,
    direction_begin,
    D: tl.constexpr,
    H: tl.constexpr,
    UNITS: tl.constexpr,
    CHUNK: tl.constexpr,
    PARTS: tl.constexpr,  # of the sum over the gates, 4 or a multiple: one per warp
    AT_ONCE: tl.constexpr,  # chunks loaded together
    ROWS: tl.constexpr,
    DENSE: tl.constexpr,
    SYNC: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Steps step_end - 1 down to step_begin. Grid: (slices, groups, directions of this launch)."""
    direction = direction_begin + tl.program_id(2)
    walk = (tables, reversal, num_steps, batch_size, direction)
    group = tl.program_id(1)
    num_groups = tl.num_programs(1)
    members = tl.num_programs(0)
    arrivals += direction * num_groups + group
    units = tl.program_id(0) * UNITS + tl.arange(0, UNITS)

    weights = load_columns(weight_hh, direction, units, H, CHUNK, PARTS)
    last = tl.minimum(step_end, steps_alive(walk, group * ROWS, DENSE))
    step = last - 1
    while step >= step_begin:
        size = rows_alive(walk, step, DENSE)
        next_size = rows_alive(walk, step + 1, DENSE)
        # all of this was here before the step began: on its way while we wait for the others
        sequences = group * ROWS + tl.arange(0, ROWS)
        i, f, g, o, c, c_before, from_h, from_c = load_saved(
            grad_output, gates, cells, c_0, grad_h, grad_c, walk, step, sequences, units, D, H, DENSE
        )
        if SYNC:
            wait(arrivals, members * (last - 1 - step))
        tile = group
        while tile * ROWS < size:
            # gradient of h from the step after this one, of those sequences that had it
            goes_on = tile * ROWS + tl.arange(0, ROWS) < next_size
            next_rows = find_rows(walk, step + 1, tile * ROWS + tl.arange(0, ROWS), goes_on, DENSE)
            next_base = grad_gates + (next_rows * D + direction) * (4 * H)
            sums = multiply_gradients(
                next_base, goes_on, weights, H, UNITS, CHUNK, AT_ONCE, PARTS, ROWS, PRECISION
            )
            own = tile * ROWS + tl.arange(0, ROWS)
            finish_backward(
                sums, i, f, g, o, c, c_before, from_h, from_c, walk, step, own, own < size, units,
                grad_c, grad_gates, D, H, DENSE,
            )  # fmt: skip

            tile += num_groups
            if tile * ROWS < size:
                later = tile * ROWS + tl.arange(0, ROWS)
                i, f, g, o, c, c_before, from_h, from_c = load_saved(
                    grad_output, gates, cells, c_0, grad_h, grad_c, walk, step, later, units, D, H, DENSE
                )
        if SYNC:
            arrive(arrivals)
        step -= 1

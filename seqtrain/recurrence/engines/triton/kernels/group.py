"""A group of programs owns a tile of sequences; each program keeps the slice of W_hh of its own hidden units.

What a program needs of the others goes through global memory: forward h, in the output itself, backward the
gradients of the gates, which have to be stored anyway. Every step has its own rows there, so nothing is
overwritten that another program may still read, and one barrier per step is enough. Nothing is added up
across programs: results repeat bit by bit.

A group must be on the device as a whole, or its members wait forever. So with SYNC the kernels are launched
as a cooperative grid. Without, they take one step per launch: that is how Triton's interpreter, which runs
programs one after another, can run them.
"""

import triton
import triton.language as tl

from seqtrain.recurrence.engines.triton.kernels.cell import (
    gate_columns,
    load_tile,
    multiply,
    rows_alive,
    steps_alive,
)
from seqtrain.recurrence.engines.triton.kernels.tile import find_previous, finish_forward

RUNTIME = ["step_begin", "step_end", "num_steps", "batch_size", "direction_begin"]


@triton.jit
def arrive(arrivals):
    tl.debug_barrier()  # every thread's stores come before the one thread that speaks for all
    tl.atomic_add(arrivals, 1, sem="release", scope="gpu")


@triton.jit
def wait(arrivals, expected):
    # a load that acquires: tl.load cannot, and Triton 3.6 drops an atomic that acquires but adds nothing
    arrived = read_acquire(arrivals)
    while arrived < expected:
        arrived = read_acquire(arrivals)
    tl.debug_barrier()


@triton.jit
def read_acquire(address):
    return tl.inline_asm_elementwise(
        "ld.acquire.gpu.global.s32 $0, [$1];",
        "=r,l,~{memory}",
        [address],
        dtype=tl.int32,
        is_pure=False,
        pack=1,
    )


@triton.jit
def load_rows_of_gates(
    weight_hh, direction, first_unit, H: tl.constexpr, UNITS: tl.constexpr, CHUNK: tl.constexpr
):
    """A slice of W_hh transposed, for the gates of some units: chunks of (CHUNK, 4 * UNITS)."""
    gate, unit = gate_columns(first_unit, UNITS)
    column = (direction * 4 * H + gate * H + unit) * H
    parts = ()
    for chunk in tl.static_range(0, H, CHUNK):
        k = chunk + tl.arange(0, CHUNK)
        inside = (k < H)[:, None] & (unit < H)[None, :]
        part = tl.load(weight_hh + column[None, :] + k[:, None], mask=inside, other=0.0)
        parts = parts + (part,)
    return parts


@triton.jit
def load_h(base, alive, H: tl.constexpr, CHUNK: tl.constexpr):
    """h of a tile of sequences, whose rows start at `base`: chunks of (ROWS, CHUNK)."""
    parts = ()
    for chunk in tl.static_range(0, H, CHUNK):
        k = chunk + tl.arange(0, CHUNK)
        inside = alive[:, None] & (k < H)[None, :]
        # .cg: other programs wrote this, past our first-level cache
        part = tl.load(base + k[None, :], mask=inside, other=0.0, cache_modifier=".cg")
        parts = parts + (part,)
    return parts


@triton.jit(do_not_specialize=RUNTIME)
def forward_group(
    projected,  # (N, D, 4H): x W_ih^T + b, replaced by the activated gates if TRAIN
    weight_hh,  # (D, 4H, H)
    h_0,  # (D, B, H)
    c_0,  # (D, B, H), float32
    output,  # (N, D, H)
    cells,  # (N, D, H), float32: c of every step
    h_n,  # (D, B, H)
    c_n,  # (D, B, H), float32
    before,  # (N, D, H): the h that each row was computed from, if TRAIN
    tables,  # T + 2 offsets, B lengths; not read if DENSE
    reversal,  # (N,); not read if DENSE
    arrivals,  # (D, tiles), int32: zeros; not read without SYNC
    step_begin,
    step_end,
    num_steps,
    batch_size,
    direction_begin,
    D: tl.constexpr,
    H: tl.constexpr,
    UNITS: tl.constexpr,  # hidden units of a program
    CHUNK: tl.constexpr,  # of the sum over h
    ROWS: tl.constexpr,  # sequences of a tile
    TRAIN: tl.constexpr,
    DENSE: tl.constexpr,
    SYNC: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Grid: (slices, groups, directions of this launch). A group takes every groups-th tile."""
    direction = direction_begin + tl.program_id(2)
    walk = (tables, reversal, num_steps, batch_size, direction)
    group = tl.program_id(1)
    num_groups = tl.num_programs(1)
    members = tl.num_programs(0)
    arrivals += direction * num_groups + group
    first_unit = tl.program_id(0) * UNITS
    units = first_unit + tl.arange(0, UNITS)
    real = units < H

    weights = load_rows_of_gates(weight_hh, direction, first_unit, H, UNITS, CHUNK)
    last = tl.minimum(step_end, steps_alive(walk, group * ROWS, DENSE))
    step = step_begin
    while step < last:
        size = rows_alive(walk, step, DENSE)
        # the share of the input does not depend on the others: on its way while we wait for them
        x_i, x_f, x_g, x_o = load_tile(projected, walk, step, group * ROWS, units, D, H, ROWS, DENSE)
        if SYNC:
            wait(arrivals, members * (step - step_begin))
        tile = group
        while tile * ROWS < size:
            # only `tile` goes from turn to turn: tensors would have to change their layout while others wait
            sequences = tile * ROWS + tl.arange(0, ROWS)
            alive = sequences < size
            h_base, c_base, given = find_previous(
                walk, step, sequences, alive, h_0, c_0, output, cells, D, H, DENSE
            )
            parts = load_h(h_base, alive, H, CHUNK)
            c = tl.load(c_base + units[None, :], mask=alive[:, None] & real[None, :], other=0.0)
            sums = tl.full((ROWS, 4 * UNITS), 0.0, tl.float32)
            for number in tl.static_range(len(weights)):
                sums = multiply(parts[number], weights[number], sums, PRECISION)
            finish_forward(
                sums, x_i, x_f, x_g, x_o, c, walk, step, sequences, alive, units, given,
                projected, h_0, output, cells, h_n, c_n, before, D, H, UNITS, ROWS, TRAIN, DENSE,
            )  # fmt: skip

            tile += num_groups
            if tile * ROWS < size:
                x_i, x_f, x_g, x_o = load_tile(projected, walk, step, tile * ROWS, units, D, H, ROWS, DENSE)
        if SYNC:
            arrive(arrivals)
        step += 1

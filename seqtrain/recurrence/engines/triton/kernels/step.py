"""One launch per step: a matrix product with W_hh streamed from memory, and the cell on its result.

For what no group can hold. The end of a launch is the meeting of all programs.
"""

import triton
import triton.language as tl

from seqtrain.recurrence.engines.triton.kernels.cell import (
    find_rows,
    gate_columns,
    load_saved,
    load_tile,
    multiply,
    rows_alive,
)
from seqtrain.recurrence.engines.triton.kernels.tile import find_previous, finish_backward, finish_forward

RUNTIME = ["step", "num_steps", "batch_size"]


@triton.jit(do_not_specialize=RUNTIME)
def forward_step(
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
    step,
    num_steps,
    batch_size,
    D: tl.constexpr,
    H: tl.constexpr,
    UNITS: tl.constexpr,  # hidden units of a program
    CHUNK: tl.constexpr,  # of the sum over h
    ROWS: tl.constexpr,  # sequences of a program
    TRAIN: tl.constexpr,
    DENSE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Grid: (slices, tiles alive at this step, D)."""
    direction = tl.program_id(2)
    walk = (tables, reversal, num_steps, batch_size, direction)
    first_unit = tl.program_id(0) * UNITS
    units = first_unit + tl.arange(0, UNITS)
    sequences = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    alive = sequences < rows_alive(walk, step, DENSE)
    mask = alive[:, None] & (units < H)[None, :]
    h_base, c_base, given = find_previous(walk, step, sequences, alive, h_0, c_0, output, cells, D, H, DENSE)

    gate, unit = gate_columns(first_unit, UNITS)
    w_base = weight_hh + ((direction * 4 * H + gate * H + unit) * H)[None, :]
    sums = tl.full((ROWS, 4 * UNITS), 0.0, tl.float32)
    for chunk in tl.range(0, H, CHUNK):
        k = chunk + tl.arange(0, CHUNK)
        h = tl.load(h_base + k[None, :], mask=alive[:, None] & (k < H)[None, :], other=0.0)
        w = tl.load(w_base + k[:, None], mask=(unit < H)[None, :] & (k < H)[:, None], other=0.0)
        sums = multiply(h, w, sums, PRECISION)

    x_i, x_f, x_g, x_o = load_tile(projected, walk, step, tl.program_id(1) * ROWS, units, D, H, ROWS, DENSE)
    c = tl.load(c_base + units[None, :], mask=mask, other=0.0)
    finish_forward(
        sums, x_i, x_f, x_g, x_o, c, walk, step, sequences, alive, units, given,
        projected, h_0, output, cells, h_n, c_n, before, D, H, UNITS, ROWS, TRAIN, DENSE,
    )  # fmt: skip


@triton.jit(do_not_specialize=RUNTIME)
def backward_step(
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
    step,
    num_steps,
    batch_size,
    D: tl.constexpr,
    H: tl.constexpr,
    UNITS: tl.constexpr,
    CHUNK: tl.constexpr,
    ROWS: tl.constexpr,
    DENSE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Grid: (slices, tiles alive at this step, D)."""
    direction = tl.program_id(2)
    walk = (tables, reversal, num_steps, batch_size, direction)
    units = tl.program_id(0) * UNITS + tl.arange(0, UNITS)
    sequences = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    alive = sequences < rows_alive(walk, step, DENSE)
    goes_on = sequences < rows_alive(walk, step + 1, DENSE)
    next_rows = find_rows(walk, step + 1, sequences, goes_on, DENSE)

    a_base = grad_gates + (next_rows * D + direction)[:, None] * (4 * H)
    w_base = weight_hh + direction * 4 * H * H + units[None, :]
    sums = tl.full((ROWS, UNITS), 0.0, tl.float32)
    for chunk in tl.range(0, 4 * H, CHUNK):
        k = chunk + tl.arange(0, CHUNK)
        a = tl.load(a_base + k[None, :], mask=goes_on[:, None] & (k < 4 * H)[None, :], other=0.0)
        w = tl.load(w_base + k[:, None] * H, mask=(units < H)[None, :] & (k < 4 * H)[:, None], other=0.0)
        sums = multiply(a, w, sums, PRECISION)

    i, f, g, o, c, c_before, from_h, from_c = load_saved(
        grad_output, gates, cells, c_0, grad_h, grad_c, walk, step, sequences, units, D, H, DENSE
    )
    finish_backward(
        sums, i, f, g, o, c, c_before, from_h, from_c, walk, step, sequences, alive, units,
        grad_c, grad_gates, D, H, DENSE,
    )  # fmt: skip

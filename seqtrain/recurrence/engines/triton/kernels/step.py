"""One launch per step: a matrix product with W_hh streamed from memory, and the cell on its result.

For what no group can hold. The end of a launch is the meeting of all programs.
"""

import triton
import triton.language as tl

from seqtrain.recurrence.engines.triton.kernels.cell import (
    cell_backward,
    cell_forward,
    find_rows,
    gate_columns,
    load_quadruple,
    load_saved,
    multiply,
    rows_alive,
    split_gates,
    store_before,
    store_quadruple,
)

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
    earlier = tl.maximum(step - 1, 0)
    rows = find_rows(walk, step, sequences, alive, DENSE)
    earlier_rows = find_rows(walk, earlier, sequences, alive, DENSE)
    given = (direction * batch_size + sequences).to(tl.int64) * H
    earlier_at = (earlier_rows * D + direction) * H
    h_base = tl.where(step == 0, h_0 + given, output + earlier_at)[:, None]
    c_base = tl.where(step == 0, c_0 + given, cells + earlier_at)[:, None]

    gate, unit = gate_columns(first_unit, UNITS)
    w_base = weight_hh + ((direction * 4 * H + gate * H + unit) * H)[None, :]
    sums = tl.full((ROWS, 4 * UNITS), 0.0, tl.float32)
    for chunk in tl.range(0, H, CHUNK):
        k = chunk + tl.arange(0, CHUNK)
        h = tl.load(h_base + k[None, :], mask=alive[:, None] & (k < H)[None, :], other=0.0)
        w = tl.load(w_base + k[:, None], mask=(unit < H)[None, :] & (k < H)[:, None], other=0.0)
        sums = multiply(h, w, sums, PRECISION)

    at = (rows * D + direction)[:, None] * (4 * H) + units[None, :]
    x_i, x_f, x_g, x_o = load_quadruple(projected, at, mask, H)
    c = tl.load(c_base + units[None, :], mask=mask, other=0.0)
    i, f, g, o = split_gates(sums, ROWS, UNITS)
    i, f, g, o, c, wide_h = cell_forward(i + x_i, f + x_f, g + x_g, o + x_o, c)
    h = wide_h.to(output.dtype.element_ty)

    states_at = (rows * D + direction)[:, None] * H + units[None, :]
    tl.store(output + states_at, h, mask=mask)
    tl.store(cells + states_at, c, mask=mask)
    if TRAIN:
        store_quadruple(projected, at, i, f, g, o, mask, H)
        store_before(before, walk, step, sequences, units, h, h_0 + given, D, H, DENSE)
    ends = mask & (sequences >= rows_alive(walk, step + 1, DENSE))[:, None]
    tl.store(h_n + given[:, None] + units[None, :], h, mask=ends)
    tl.store(c_n + given[:, None] + units[None, :], c, mask=ends)


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
    mask = alive[:, None] & (units < H)[None, :]
    rows = find_rows(walk, step, sequences, alive, DENSE)
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
    g_i, g_f, g_g, g_o, to_c = cell_backward(i, f, g, o, c, c_before, sums + from_h, from_c)
    at = (rows * D + direction)[:, None] * (4 * H) + units[None, :]
    given = (direction * batch_size + sequences).to(tl.int64)[:, None] * H + units[None, :]
    store_quadruple(grad_gates, at, g_i, g_f, g_g, g_o, mask, H)
    tl.store(grad_c + given, to_c, mask=mask)

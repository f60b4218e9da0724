"""A program owns a tile of sequences and all of W_hh, from the first step to the last. Nobody waits."""

import triton
import triton.language as tl

from seqtrain.recurrence.engines.triton.kernels.cell import (
    cell_backward,
    cell_forward,
    find_rows,
    load_quadruple,
    multiply,
    rows_alive,
    steps_alive,
    store_quadruple,
)

RUNTIME = ["num_steps", "batch_size"]


@triton.jit(do_not_specialize=RUNTIME)
def forward_whole(
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
    num_steps,
    batch_size,
    D: tl.constexpr,
    H: tl.constexpr,
    UNITS: tl.constexpr,  # H, rounded up to a power of two
    ROWS: tl.constexpr,  # sequences of a tile
    TRAIN: tl.constexpr,
    DENSE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Grid: (tiles of sequences, 1, D)."""
    direction = tl.program_id(2)
    walk = (tables, reversal, num_steps, batch_size, direction)
    sequences = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    units = tl.arange(0, UNITS)
    real = units < H

    # W_hh transposed, one tile per gate: it stays in registers
    weights_at = direction * 4 * H * H + units[None, :] * H + units[:, None]
    square = real[None, :] & real[:, None]
    w_i = tl.load(weight_hh + weights_at, mask=square, other=0.0)
    w_f = tl.load(weight_hh + weights_at + H * H, mask=square, other=0.0)
    w_g = tl.load(weight_hh + weights_at + 2 * H * H, mask=square, other=0.0)
    w_o = tl.load(weight_hh + weights_at + 3 * H * H, mask=square, other=0.0)

    given = (direction * batch_size + sequences).to(tl.int64)[:, None] * H + units[None, :]
    mask = (sequences < batch_size)[:, None] & real[None, :]
    h = tl.load(h_0 + given, mask=mask, other=0.0)
    c = tl.load(c_0 + given, mask=mask, other=0.0)

    alive = sequences < batch_size
    rows = find_rows(walk, 0, sequences, alive, DENSE)
    at = (rows * D + direction)[:, None] * (4 * H) + units[None, :]
    x_i, x_f, x_g, x_o = load_quadruple(projected, at, mask, H)
    if TRAIN:
        tl.store(before + (rows * D + direction)[:, None] * H + units[None, :], h, mask=mask)
    last = steps_alive(walk, tl.program_id(0) * ROWS, DENSE)
    step = 0
    while step < last:
        # the next step's share of the input does not wait for this step
        next_size = rows_alive(walk, step + 1, DENSE)
        next_alive = sequences < next_size
        next_mask = next_alive[:, None] & real[None, :]
        next_rows = find_rows(walk, step + 1, sequences, next_alive, DENSE)
        next_at = (next_rows * D + direction)[:, None] * (4 * H) + units[None, :]
        next_i, next_f, next_g, next_o = load_quadruple(projected, next_at, next_mask, H)

        i = multiply(h, w_i, x_i, PRECISION)
        f = multiply(h, w_f, x_f, PRECISION)
        g = multiply(h, w_g, x_g, PRECISION)
        o = multiply(h, w_o, x_o, PRECISION)
        i, f, g, o, c, wide_h = cell_forward(i, f, g, o, c)
        h = wide_h.to(h.dtype)

        states_at = (rows * D + direction)[:, None] * H + units[None, :]
        tl.store(output + states_at, h, mask=mask)
        if TRAIN:
            tl.store(cells + states_at, c, mask=mask)
            store_quadruple(projected, at, i, f, g, o, mask, H)
            next_states_at = (next_rows * D + direction)[:, None] * H + units[None, :]
            tl.store(before + next_states_at, h, mask=next_mask)
        ends = mask & (sequences >= next_size)[:, None]
        tl.store(h_n + given, h, mask=ends)
        tl.store(c_n + given, c, mask=ends)

        x_i, x_f, x_g, x_o = next_i, next_f, next_g, next_o
        at = next_at
        rows = next_rows
        mask = next_mask
        step += 1


@triton.jit(do_not_specialize=RUNTIME)
def backward_whole(
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
    num_steps,
    batch_size,
    D: tl.constexpr,
    H: tl.constexpr,
    UNITS: tl.constexpr,
    ROWS: tl.constexpr,
    DENSE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Grid: (tiles of sequences, 1, D)."""
    direction = tl.program_id(2)
    walk = (tables, reversal, num_steps, batch_size, direction)
    sequences = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    units = tl.arange(0, UNITS)
    real = units < H

    weights_at = direction * 4 * H * H + units[:, None] * H + units[None, :]
    square = real[None, :] & real[:, None]
    w_i = tl.load(weight_hh + weights_at, mask=square, other=0.0)
    w_f = tl.load(weight_hh + weights_at + H * H, mask=square, other=0.0)
    w_g = tl.load(weight_hh + weights_at + 2 * H * H, mask=square, other=0.0)
    w_o = tl.load(weight_hh + weights_at + 3 * H * H, mask=square, other=0.0)

    given = (direction * batch_size + sequences).to(tl.int64)[:, None] * H + units[None, :]
    everyone = (sequences < batch_size)[:, None] & real[None, :]
    # gradients of sequences that have not ended yet wait here, and are replaced when they do
    from_h = tl.load(grad_h + given, mask=everyone, other=0.0)
    from_c = tl.load(grad_c + given, mask=everyone, other=0.0)

    step = steps_alive(walk, tl.program_id(0) * ROWS, DENSE) - 1
    size = rows_alive(walk, step, DENSE)
    alive = sequences < size
    mask = alive[:, None] & real[None, :]
    rows = find_rows(walk, step, sequences, alive, DENSE)
    states_at = (rows * D + direction)[:, None] * H + units[None, :]
    c = tl.load(cells + states_at, mask=mask, other=0.0)
    while step >= 0:
        at = (rows * D + direction)[:, None] * (4 * H) + units[None, :]
        i, f, g, o = load_quadruple(gates, at, mask, H)
        from_output = tl.load(grad_output + states_at, mask=mask, other=0.0).to(tl.float32)

        earlier = tl.maximum(step - 1, 0)
        earlier_alive = sequences < rows_alive(walk, earlier, DENSE)
        earlier_mask = earlier_alive[:, None] & real[None, :]
        earlier_rows = find_rows(walk, earlier, sequences, earlier_alive, DENSE)
        earlier_at = (earlier_rows * D + direction)[:, None] * H + units[None, :]
        c_base = tl.where(step == 0, c_0 + given, cells + earlier_at)
        c_before = tl.load(c_base, mask=earlier_mask, other=0.0)

        g_i, g_f, g_g, g_o, to_c = cell_backward(i, f, g, o, c, c_before, from_h + from_output, from_c)
        narrow_i = g_i.to(weight_hh.dtype.element_ty)
        narrow_f = g_f.to(weight_hh.dtype.element_ty)
        narrow_g = g_g.to(weight_hh.dtype.element_ty)
        narrow_o = g_o.to(weight_hh.dtype.element_ty)
        store_quadruple(grad_gates, at, narrow_i, narrow_f, narrow_g, narrow_o, mask, H)
        nothing = tl.full((ROWS, UNITS), 0.0, tl.float32)
        to_h = multiply(narrow_i, w_i, nothing, PRECISION)
        to_h = multiply(narrow_f, w_f, to_h, PRECISION)
        to_h = multiply(narrow_g, w_g, to_h, PRECISION)
        to_h = multiply(narrow_o, w_o, to_h, PRECISION)
        from_h = tl.where(mask, to_h, from_h)
        from_c = tl.where(mask, to_c, from_c)

        c = c_before
        mask = earlier_mask
        rows = earlier_rows
        states_at = earlier_at
        step -= 1
    tl.store(grad_c + given, from_c, mask=everyone)

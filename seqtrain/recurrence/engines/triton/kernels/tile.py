"""All of a step but the product with W_hh, for the kernels whose programs meet after each step."""

import triton
import triton.language as tl

from seqtrain.recurrence.engines.triton.kernels.cell import (
    cell_backward,
    cell_forward,
    find_rows,
    rows_alive,
    split_gates,
    store_before,
    store_quadruple,
)


@triton.jit
def find_previous(
    walk,
    step,
    sequences,
    alive,
    h_0,
    c_0,
    output,
    cells,
    D: tl.constexpr,
    H: tl.constexpr,
    DENSE: tl.constexpr,
):
    """Pointers to the rows of h and of c before this step, (ROWS, 1) each, and the offsets in h_0 (ROWS,)."""
    _, _, _, batch_size, direction = walk
    rows = find_rows(walk, tl.maximum(step - 1, 0), sequences, alive, DENSE)
    given = (direction * batch_size + sequences).to(tl.int64) * H
    at = (rows * D + direction) * H
    h_base = tl.where(step == 0, h_0 + given, output + at)[:, None]
    c_base = tl.where(step == 0, c_0 + given, cells + at)[:, None]
    return h_base, c_base, given


@triton.jit
def finish_forward(
    sums,  # (ROWS, 4 * UNITS): h W_hh^T
    x_i,
    x_f,
    x_g,
    x_o,
    c,
    walk,
    step,
    sequences,
    alive,
    units,
    given,
    projected,
    h_0,
    output,
    cells,
    h_n,
    c_n,
    before,
    D: tl.constexpr,
    H: tl.constexpr,
    UNITS: tl.constexpr,
    ROWS: tl.constexpr,
    TRAIN: tl.constexpr,
    DENSE: tl.constexpr,
):
    """Apply the cell, and store its states, its gates if TRAIN, and the final states of what ends here."""
    direction = walk[4]
    mask = alive[:, None] & (units < H)[None, :]
    i, f, g, o = split_gates(sums, ROWS, UNITS)
    i, f, g, o, c, wide_h = cell_forward(i + x_i, f + x_f, g + x_g, o + x_o, c)
    h = wide_h.to(output.dtype.element_ty)

    rows = find_rows(walk, step, sequences, alive, DENSE)
    states_at = (rows * D + direction)[:, None] * H + units[None, :]
    tl.store(output + states_at, h, mask=mask)
    tl.store(cells + states_at, c, mask=mask)
    if TRAIN:
        at = (rows * D + direction)[:, None] * (4 * H) + units[None, :]
        store_quadruple(projected, at, i, f, g, o, mask, H)
        store_before(before, walk, step, sequences, units, h, h_0 + given, D, H, DENSE)
    ends = mask & (sequences >= rows_alive(walk, step + 1, DENSE))[:, None]
    tl.store(h_n + given[:, None] + units[None, :], h, mask=ends)
    tl.store(c_n + given[:, None] + units[None, :], c, mask=ends)


@triton.jit
def finish_backward(
    sums,  # (ROWS, UNITS): the gradient of h from the step after this one
    i,
    f,
    g,
    o,
    c,
    c_before,
    from_h,
    from_c,
    walk,
    step,
    sequences,
    alive,
    units,
    grad_c,
    grad_gates,
    D: tl.constexpr,
    H: tl.constexpr,
    DENSE: tl.constexpr,
):
    """Differentiate the cell, and store the gradients of its gates and of the c before."""
    _, _, _, batch_size, direction = walk
    mask = alive[:, None] & (units < H)[None, :]
    g_i, g_f, g_g, g_o, to_c = cell_backward(i, f, g, o, c, c_before, sums + from_h, from_c)
    rows = find_rows(walk, step, sequences, alive, DENSE)
    at = (rows * D + direction)[:, None] * (4 * H) + units[None, :]
    given = (direction * batch_size + sequences).to(tl.int64)[:, None] * H + units[None, :]
    store_quadruple(grad_gates, at, g_i, g_f, g_g, g_o, mask, H)
    tl.store(grad_c + given, to_c, mask=mask)

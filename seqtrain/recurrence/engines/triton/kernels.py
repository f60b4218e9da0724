"""One time step of the LSTM, forward and backward, as a Triton kernel each; all directions in one launch.

Letters: D directions, N rows of all steps, B sequences, H hidden size. Rows are in the order in which each
direction visits them: the rows of a step are adjacent, and sequence b is the b-th of them. States have B more
rows, the initial states. A program computes some sequences and some hidden units of one
direction; no program of a launch reads what another one writes. Importing this module imports Triton.
"""

import triton
import triton.language as tl

FORWARD_SCALARS = ["row", "before", "alive", "num_rows", "batch_size"]
BACKWARD_SCALARS = ["row", "before", "alive", "alive_next", "num_rows", "batch_size"]


@triton.jit(do_not_specialize=FORWARD_SCALARS)
def forward_step(
    gates,  # (D, N, 4H): x W_ih^T + b, replaced by the activated gates i, f, g, o
    weight_hh,  # (D, 4H, H)
    h,  # (D, B + N, H): read before the step, written after it
    c,  # (D, B + N, H), float32; likewise
    row,  # the first row of this step
    before,  # the first row of the states that it starts from
    alive,  # number of sequences that take this step
    num_rows,
    batch_size,
    H,
    ROWS: tl.constexpr,  # sequences per program
    UNITS: tl.constexpr,  # hidden units per program
    CHUNK: tl.constexpr,  # terms of the sum in one product
    WIDEN: tl.constexpr,
):
    """Grid: (sequences / ROWS, H / UNITS, D), rounded up."""
    direction = tl.program_id(2).to(tl.int64)
    sequences = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    units = tl.program_id(1) * UNITS + tl.arange(0, UNITS)
    lives = (sequences < alive)[:, None]
    mask = lives & (units < H)[None, :]
    first_state = direction * (batch_size + num_rows)
    h_before = h + ((first_state + before + sequences) * H)[:, None]
    weight = weight_hh + direction * 4 * H * H + (units * H)[None, :]
    at = ((direction * num_rows + row + sequences) * (4 * H))[:, None] + units[None, :]

    i = tl.load(gates + at, mask=mask, other=0.0).to(tl.float32)
    f = tl.load(gates + at + H, mask=mask, other=0.0).to(tl.float32)
    g = tl.load(gates + at + 2 * H, mask=mask, other=0.0).to(tl.float32)
    o = tl.load(gates + at + 3 * H, mask=mask, other=0.0).to(tl.float32)
    for first in range(0, H, CHUNK):
        k = first + tl.arange(0, CHUNK)
        states = tl.load(h_before + k[None, :], mask=lives & (k < H)[None, :], other=0.0)
        column = weight + k[:, None]
        inside = (k < H)[:, None] & (units < H)[None, :]
        i = multiply_add(states, tl.load(column, mask=inside, other=0.0), i, WIDEN)
        f = multiply_add(states, tl.load(column + H * H, mask=inside, other=0.0), f, WIDEN)
        g = multiply_add(states, tl.load(column + 2 * H * H, mask=inside, other=0.0), g, WIDEN)
        o = multiply_add(states, tl.load(column + 3 * H * H, mask=inside, other=0.0), o, WIDEN)

    i = sigmoid(i)
    f = sigmoid(f)
    g = tanh(g)
    o = sigmoid(o)
    c_before = c + ((first_state + before + sequences) * H)[:, None] + units[None, :]
    memory = f * tl.load(c_before, mask=mask, other=0.0) + i * g
    after = ((first_state + batch_size + row + sequences) * H)[:, None] + units[None, :]
    tl.store(c + after, memory, mask=mask)
    tl.store(h + after, (o * tanh(memory)).to(h.dtype.element_ty), mask=mask)
    store_gates(gates + at, i, f, g, o, H, mask)


@triton.jit(do_not_specialize=BACKWARD_SCALARS)
def backward_step(
    gates,  # (D, N, 4H), activated
    weight_hh,  # (D, 4H, H)
    c,  # (D, B + N, H), float32
    d_h,  # (D, N, H): gradient of h from outside the recurrence
    d_c,  # (D, B, H), float32: gradient of the c after this step, replaced by that of the c before it
    d_gates,  # (D, N, 4H): gradient of the gates before activation; written for this step, read for the next
    row,
    before,
    alive,
    alive_next,  # number of sequences that take the next step, whose rows follow this one's
    num_rows,
    batch_size,
    H,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
    CHUNK: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """Grid: (sequences / ROWS, H / UNITS, D), rounded up."""
    direction = tl.program_id(2).to(tl.int64)
    sequences = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    units = tl.program_id(1) * UNITS + tl.arange(0, UNITS)
    mask = (sequences < alive)[:, None] & (units < H)[None, :]
    rows = direction * num_rows + row + sequences
    d_next = d_gates + ((rows + alive) * (4 * H))[:, None]
    weight = weight_hh + direction * 4 * H * H + units[None, :]

    sums = tl.load(d_h + (rows * H)[:, None] + units[None, :], mask=mask, other=0.0).to(tl.float32)
    for first in range(0, 4 * H, CHUNK):
        k = first + tl.arange(0, CHUNK)
        reaches = (sequences < alive_next)[:, None] & (k < 4 * H)[None, :]
        inside = (k < 4 * H)[:, None] & (units < H)[None, :]
        d = tl.load(d_next + k[None, :], mask=reaches, other=0.0)
        sums = multiply_add(d, tl.load(weight + k[:, None] * H, mask=inside, other=0.0), sums, WIDEN)

    at = (rows * (4 * H))[:, None] + units[None, :]
    i = tl.load(gates + at, mask=mask, other=0.0).to(tl.float32)
    f = tl.load(gates + at + H, mask=mask, other=0.0).to(tl.float32)
    g = tl.load(gates + at + 2 * H, mask=mask, other=0.0).to(tl.float32)
    o = tl.load(gates + at + 3 * H, mask=mask, other=0.0).to(tl.float32)
    first_state = direction * (batch_size + num_rows)
    c_before = c + ((first_state + before + sequences) * H)[:, None] + units[None, :]
    c_after = c + ((first_state + batch_size + row + sequences) * H)[:, None] + units[None, :]
    tanh_c = tanh(tl.load(c_after, mask=mask, other=0.0))
    d_memory = d_c + ((direction * batch_size + sequences) * H)[:, None] + units[None, :]
    d = tl.load(d_memory, mask=mask, other=0.0) + sums * o * (1.0 - tanh_c * tanh_c)
    tl.store(d_memory, d * f, mask=mask)
    d_i = d * g * i * (1.0 - i)
    d_f = d * tl.load(c_before, mask=mask, other=0.0) * f * (1.0 - f)
    store_gates(d_gates + at, d_i, d_f, d * i * (1.0 - g * g), sums * tanh_c * o * (1.0 - o), H, mask)


@triton.jit
def multiply_add(a, b, sums, WIDEN: tl.constexpr):
    """a b + sums, in float32 without TF32. WIDEN: Triton's interpreter would multiply bfloat16's bits."""
    if WIDEN:
        a = a.to(tl.float32)
        b = b.to(tl.float32)
    return tl.dot(a, b, acc=sums, input_precision="ieee")


@triton.jit
def store_gates(pointers, i, f, g, o, H, mask):
    tl.store(pointers, i.to(pointers.dtype.element_ty), mask=mask)
    tl.store(pointers + H, f.to(pointers.dtype.element_ty), mask=mask)
    tl.store(pointers + 2 * H, g.to(pointers.dtype.element_ty), mask=mask)
    tl.store(pointers + 3 * H, o.to(pointers.dtype.element_ty), mask=mask)


@triton.jit
def sigmoid(x):
    e = tl.exp(-tl.abs(x))  # never overflows
    return tl.where(x < 0, e, 1.0) / (1.0 + e)


@triton.jit
def tanh(x):
    """With a relative error of at most 3e-7, for small x too: there the second form would cancel."""
    near = tl.abs(x) < 0.6
    small = tl.where(near, x, 0.0)  # the square of a large x overflows
    s = small * small
    # a polynomial of least relative error on [0, 0.6]
    series = ((0.015612630 * s - 0.052211810) * s + 0.13313116) * s - 0.33332598
    e = tl.exp(-2.0 * tl.abs(x))
    far = (1.0 - e) / (1.0 + e)
    return tl.where(near, small + small * (s * series), tl.where(x < 0, -far, far))

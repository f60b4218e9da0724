"""What all kernels share: where rows lie, and the equations of the LSTM on one tile."""

import triton
import triton.language as tl


@triton.jit
def sigmoid(x):
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit
def tanh(x):
    # this form goes to 1 and -1 where exp overflows; the quotient of two exponentials would be nan
    return 1.0 - 2.0 / (1.0 + tl.exp(2.0 * x))


# A walk is (tables, reversal, num_steps, batch_size, direction): what says where a direction's rows lie. If
# DENSE, all lengths are equal, and neither tables (T + 2 offsets, B lengths) nor reversal (N,) is read.


@triton.jit
def rows_alive(walk, step, DENSE: tl.constexpr):
    """Number of sequences that are alive at this step; 0 at step T."""
    tables, _, num_steps, batch_size, _ = walk
    if DENSE:
        return tl.where(step < num_steps, batch_size, 0)
    return (tl.load(tables + step + 1) - tl.load(tables + step)).to(tl.int32)


@triton.jit
def steps_alive(walk, sequence, DENSE: tl.constexpr):
    """Number of steps of this sequence, which is the longest of its tile."""
    tables, _, num_steps, _, _ = walk
    if DENSE:
        return num_steps
    return tl.load(tables + num_steps + 2 + sequence).to(tl.int32)


@triton.jit
def find_rows(walk, step, sequences, alive, DENSE: tl.constexpr):
    """The rows, as int64, in which the sequences of a tile lie at this step of a direction's walk."""
    tables, reversal, num_steps, batch_size, direction = walk
    if DENSE:
        time = tl.where(direction == 0, step, num_steps - 1 - step)
        return time.to(tl.int64) * batch_size + sequences
    slots = tl.load(tables + step) + sequences
    reverse = tl.load(reversal + slots, mask=tl.where(direction == 1, alive, False), other=0)
    return tl.where(direction == 1, reverse, slots)


@triton.jit
def load_quadruple(base, at, mask, H: tl.constexpr):
    """Four tiles that lie H elements apart, in float32: one per gate."""
    i = tl.load(base + at, mask=mask, other=0.0).to(tl.float32)
    f = tl.load(base + at + H, mask=mask, other=0.0).to(tl.float32)
    g = tl.load(base + at + 2 * H, mask=mask, other=0.0).to(tl.float32)
    o = tl.load(base + at + 3 * H, mask=mask, other=0.0).to(tl.float32)
    return i, f, g, o


@triton.jit
def load_tile(
    base, walk, step, first, units, D: tl.constexpr, H: tl.constexpr, ROWS: tl.constexpr, DENSE: tl.constexpr
):
    """From (N, D, 4H): the four gates of ROWS sequences from `first` on, at this step, of some units."""
    sequences = first + tl.arange(0, ROWS)
    alive = sequences < rows_alive(walk, step, DENSE)
    rows = find_rows(walk, step, sequences, alive, DENSE)
    at = (rows * D + walk[4])[:, None] * (4 * H) + units[None, :]
    return load_quadruple(base, at, alive[:, None] & (units < H)[None, :], H)


@triton.jit
def store_quadruple(base, at, i, f, g, o, mask, H: tl.constexpr):
    tl.store(base + at, i.to(base.dtype.element_ty), mask=mask)
    tl.store(base + at + H, f.to(base.dtype.element_ty), mask=mask)
    tl.store(base + at + 2 * H, g.to(base.dtype.element_ty), mask=mask)
    tl.store(base + at + 3 * H, o.to(base.dtype.element_ty), mask=mask)


@triton.jit
def store_before(
    before, walk, step, sequences, units, h, h_0, D: tl.constexpr, H: tl.constexpr, DENSE: tl.constexpr
):
    """Leave h where the gradient of W_hh wants it: at the sequence's next row. `h_0`: rows of (D, B, H)."""
    goes_on = sequences < rows_alive(walk, step + 1, DENSE)
    rows = find_rows(walk, step + 1, sequences, goes_on, DENSE)
    at = (rows * D + walk[4])[:, None] * H + units[None, :]
    tl.store(before + at, h, mask=goes_on[:, None] & (units < H)[None, :])
    if step == 0:
        alive = sequences < rows_alive(walk, 0, DENSE)
        rows = find_rows(walk, 0, sequences, alive, DENSE)
        at = (rows * D + walk[4])[:, None] * H + units[None, :]
        mask = alive[:, None] & (units < H)[None, :]
        tl.store(before + at, tl.load(h_0[:, None] + units[None, :], mask=mask), mask=mask)


@triton.jit
def load_saved(
    grad_output,
    gates,
    cells,
    c_0,
    grad_h,
    grad_c,
    walk,
    step,
    sequences,
    units,
    D: tl.constexpr,
    H: tl.constexpr,
    DENSE: tl.constexpr,
):
    """What the backward step of a tile needs but for the product with W_hh, all in float32.

    The gates, c, the c before, the gradient of h from outside the recurrence, the gradient of c.
    """
    size = rows_alive(walk, step, DENSE)
    ends = sequences >= rows_alive(walk, step + 1, DENSE)
    alive = sequences < size
    mask = alive[:, None] & (units < H)[None, :]
    earlier = tl.maximum(step - 1, 0)
    rows = find_rows(walk, step, sequences, alive, DENSE)
    earlier_rows = find_rows(walk, earlier, sequences, alive, DENSE)
    at = (rows * D + walk[4])[:, None] * H + units[None, :]
    gates_at = (rows * D + walk[4])[:, None] * (4 * H) + units[None, :]
    earlier_at = (earlier_rows * D + walk[4])[:, None] * H + units[None, :]
    given = (walk[4] * walk[3] + sequences).to(tl.int64)[:, None] * H + units[None, :]
    i, f, g, o = load_quadruple(gates, gates_at, mask, H)
    c = tl.load(cells + at, mask=mask, other=0.0)
    c_before = tl.load(tl.where(step == 0, c_0 + given, cells + earlier_at), mask=mask, other=0.0)
    from_h = tl.load(grad_output + at, mask=mask, other=0.0).to(tl.float32)
    from_h += tl.load(grad_h + given, mask=mask & ends[:, None], other=0.0)
    from_c = tl.load(grad_c + given, mask=mask, other=0.0)
    return i, f, g, o, c, c_before, from_h, from_c


@triton.jit
def cell_forward(i, f, g, o, c):
    """Activated gates, c and h from the sums i, f, g, o and the previous c, all in float32."""
    i = sigmoid(i)
    f = sigmoid(f)
    g = tanh(g)
    o = sigmoid(o)
    kept = f * c
    c = kept + i * g
    return i, f, g, o, c, o * tanh(c)


@triton.jit
def cell_backward(i, f, g, o, c, c_before, grad_h, grad_c):
    """Gradients of the four sums and of the previous c from those of h and c, all in float32."""
    tanh_c = tanh(c)
    through = grad_h * o * (1.0 - tanh_c * tanh_c)
    grad_c = grad_c + through
    grad_i = grad_c * g * i * (1.0 - i)
    grad_f = grad_c * c_before * f * (1.0 - f)
    grad_g = grad_c * i * (1.0 - g * g)
    grad_o = grad_h * tanh_c * o * (1.0 - o)
    return grad_i, grad_f, grad_g, grad_o, grad_c * f


@triton.jit
def multiply(a, b, sums, PRECISION: tl.constexpr):
    """sums + a b. PRECISION is Triton's, or "widened": its interpreter would multiply bfloat16's bits."""
    if PRECISION == "widened":
        return tl.dot(a.to(tl.float32), b.to(tl.float32), acc=sums)
    return tl.dot(a, b, acc=sums, input_precision=PRECISION)


@triton.jit
def split_gates(sums, rows: tl.constexpr, units: tl.constexpr):
    """Take (rows, 4 * units) apart; see `gate_columns` for the order of the columns."""
    low, high = tl.split(sums.reshape(rows, 2, units, 2))
    i, g = tl.split(low.permute(0, 2, 1))
    f, o = tl.split(high.permute(0, 2, 1))
    return i, f, g, o


@triton.jit
def gate_columns(first_unit, units: tl.constexpr):
    """Gate and unit of each of the 4 * units columns of a slice.

    The gate's two bits are the highest and the lowest of the column's number, because a thread of a matrix
    product holds neighbouring columns and columns half a tile apart: the four gates of a unit meet in one.
    """
    column = tl.arange(0, 4 * units)
    gate = column // (2 * units) * 2 + column % 2
    return gate, first_unit + column // 2 % units

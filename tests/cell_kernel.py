"""A kernel that runs the cell of the Triton kernels on one row; to be imported where it is interpreted."""

import triton
import triton.language as tl

from seqtrain.recurrence.engines.triton.kernels import cell


@triton.jit
def run_cell(sums, c_0, result, gradients, SIZE: tl.constexpr):  # noqa: N803
    """From sums (4, SIZE) and c_0 (SIZE,): h and c, and the gradients of sums and c_0 for h + 2 c."""
    at = tl.arange(0, SIZE)
    i, f, g, o = cell.load_quadruple(sums, at, at < SIZE, SIZE)
    before = tl.load(c_0 + at)
    i, f, g, o, c, h = cell.cell_forward(i, f, g, o, before)
    tl.store(result + at, h)
    tl.store(result + SIZE + at, c)
    d_i, d_f, d_g, d_o, d_c = cell.cell_backward(i, f, g, o, c, before, h * 0 + 1, c * 0 + 2)
    cell.store_quadruple(gradients, at, d_i, d_f, d_g, d_o, at < SIZE, SIZE)
    tl.store(gradients + 4 * SIZE + at, d_c)

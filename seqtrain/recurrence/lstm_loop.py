"""The time loops of the fast LSTM engine: only what depends on the step before is inside.

Letters: D directions, N rows of all steps, B sequences, b rows of one step, H hidden size.

Two rewritings save time, and change nothing but the rounding:

    tanh(x) = 2 sigmoid(2 x) - 1, as torch's sigmoid takes a quarter of the time of its tanh on a CPU.
    So the rows of g in the projection and in W_hh come doubled, one sigmoid covers all four gates, and
    c is kept doubled between steps.

    Back through time, dc and dh only scale factors that are known beforehand. Those are computed for many
    steps in one go, in blocks that fit in the cache; five operations are left for each step.

Products of both directions are one batched product each. Its result is written to a contiguous buffer:
only there does the library run it as one, a core for each direction.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from seqtrain.recurrence.schedule import Schedule

BLOCK = 1 << 17
"""Numbers in a block of gates whose factors are computed in one go: half a megabyte in float32."""

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input  # (d, s) -> d s (1 - s)
tanh_backward = torch.ops.aten.tanh_backward.grad_input  # (d, t) -> d (1 - t^2)


def forward_loop(projected: Tensor, weight_hh: Tensor, h: Tensor, c: Tensor, schedule: Schedule) -> Tensor:
    """Fill h and c, (D, B + N, H), after the B initial states; c is twice the cell state.

    `projected` (D, N, 4H) and `weight_hh` (D, 4H, H) have the rows of g doubled. Returns the activated
    gates (D, N, 4H): i, f, g / 2, o; in place of `projected` if c has its dtype.
    """
    num_directions, _, hidden_size = h.shape
    batch_size = schedule.batch_sizes[0]
    gates = projected if projected.dtype == c.dtype else torch.empty_like(projected, dtype=c.dtype)
    walked = (projected, gates, *gates.chunk(4, dim=-1), h[:, batch_size:], c[:, batch_size:])
    h_previous, c_previous = h[:, :batch_size], c[:, :batch_size]
    matrix = weight_hh.mT
    # numbers in tensors: torch wraps a Python number anew in each call, which costs as much as the work
    half, zero = c.new_full((), 0.5), c.new_zeros(())

    size = -1
    a, tanh_c = projected, c
    for x, gate, i, f, g, o, h_step, c_step in zip(*map(schedule.split, walked), strict=True):
        if x.size(1) != size:
            size = x.size(1)
            h_previous, c_previous = h_previous[:, :size], c_previous[:, :size]
            a = h.new_empty(num_directions, size, 4 * hidden_size)
            tanh_c = c.new_empty(num_directions, size, hidden_size)
        torch.baddbmm(x, h_previous, matrix, out=a)  # a = W_ih x + W_hh h + b
        torch.sigmoid(a.to(c.dtype), out=gate)
        g.sub_(half)  # g = tanh(a_g) / 2
        torch.mul(f, c_previous, out=c_step)
        c_step.addcmul_(i, g, value=4)  # 2 c' = f 2 c + i 2 tanh(a_g)
        torch.sigmoid(c_step, out=tanh_c).sub_(half)  # tanh(c') / 2
        torch.addcmul(zero, o, tanh_c, value=2, out=h_step)  # h' = o tanh(c')
        h_previous, c_previous = h_step, c_step
    return gates


def backward_loop(
    gates: Tensor, weight_hh: Tensor, c: Tensor, d_h: Tensor, d_c: Tensor, schedule: Schedule
) -> tuple[Tensor, Tensor]:
    """Gradients of the pre-activations (D, N, 4H), in torch's own scale, and of h_0 (D, B, H).

    `gates` and c are what `forward_loop` left, `weight_hh` (D, 4H, H) is torch's own. `d_h` (D, N, H) is
    the gradient that reaches h at each row from outside. `d_c` (D, B, H), that of the final cell states,
    becomes that of c_0 in place.
    """
    num_directions, num_rows, hidden_size = d_h.shape
    d_a = torch.empty_like(gates, dtype=d_h.dtype)
    by_gate = d_a.view(num_directions, num_rows, 4, hidden_size)
    forget = gates[..., hidden_size : 2 * hidden_size]
    walked = [*map(schedule.split, (d_h, d_a, by_gate[:, :, :3], by_gate[:, :, 3], forget))]

    size = -1
    d_a_next = d_h_out = d_h
    for first, last in _blocks(schedule, num_directions * 4 * hidden_size):
        rows = slice(schedule.offsets[first], schedule.offsets[last])
        factors = _factors(gates[:, rows], c, rows, schedule)
        block = [steps[first:last] for steps in walked]
        block += [list(torch.split(factor, schedule.batch_sizes[first:last], dim=1)) for factor in factors]
        for d_h_step, d_a_step, ifg, o, f, to_ifg, to_o, to_c in zip(*map(reversed, block), strict=True):
            if d_h_step.size(1) == size:
                d_h_step = torch.baddbmm(d_h_step, d_a_next, weight_hh, out=d_h_out)
            else:
                if size > 0:  # some sequences end here: nothing comes back from a next step for them
                    known = torch.baddbmm(d_h_step[:, :size], d_a_next, weight_hh)
                    d_h_step = torch.cat([known, d_h_step[:, size:]], 1)
                size = d_h_step.size(1)
                d_c_step = d_c[:, :size]
                d_h_out = torch.empty_like(d_h_step, memory_format=torch.contiguous_format)
            d_c_step.addcmul_(d_h_step, to_c)  # dc = dc + dh o tanh'(c)
            torch.mul(to_ifg, d_c_step.unsqueeze(2), out=ifg)  # di, df, dg
            torch.mul(to_o, d_h_step, out=o)  # do
            d_c_step.mul_(f)
            d_a_next = d_a_step
    return d_a, torch.bmm(d_a_next, weight_hh)


def _blocks(schedule: Schedule, width: int) -> Iterator[tuple[int, int]]:
    """Ranges of steps, from the last to the first, whose gates fill one block each."""
    offsets = schedule.offsets
    last = len(schedule.batch_sizes)
    while last > 0:
        first = last - 1
        while first > 0 and (offsets[last] - offsets[first - 1]) * width <= BLOCK:
            first -= 1
        yield first, last
        last = first


def _factors(gates: Tensor, c: Tensor, rows: slice, schedule: Schedule) -> tuple[Tensor, Tensor, Tensor]:
    """What the recurrent gradients are multiplied with in these rows.

    Returns for i, f, g what dc is multiplied with (D, rows, 3, H), for o what dh is (D, rows, H), and for
    c what dh is (D, rows, H):

        g i (1 - i),   c_previous f (1 - f),   i (1 - g^2);     tanh(c) o (1 - o);     o (1 - tanh(c)^2)
    """
    num_directions, num_rows, _ = gates.shape
    batch_size = schedule.batch_sizes[0]
    i, f, half_g, o = gates.chunk(4, dim=-1)
    g = half_g + half_g
    c_previous = schedule.take_previous(c, rows.start, rows.stop) * 0.5
    tanh_c = torch.sigmoid(c[:, batch_size + rows.start : batch_size + rows.stop]).sub_(0.5).mul_(2)

    ifg = gates.new_empty(num_directions, num_rows, 3, i.size(-1))
    to_i, to_f, to_g = ifg.unbind(2)
    sigmoid_backward(g, i, grad_input=to_i)
    sigmoid_backward(c_previous, f, grad_input=to_f)
    tanh_backward(i, g, grad_input=to_g)
    to_o = torch.ops.aten.sigmoid_backward(tanh_c, o)
    to_c = torch.ops.aten.tanh_backward(o, tanh_c)
    return ifg, to_o, to_c

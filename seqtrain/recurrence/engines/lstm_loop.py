"""The time loops of the fast LSTM engine: only what depends on the previous step is inside.

Letters: D directions, N rows of all steps, B sequences, b rows of one step, H hidden size.

Back through time, dc and dh only scale factors that are known beforehand. Those are computed for many steps
at once, in blocks that fit in the cache; five operations are left for each step.

Directions walk together, or, where their steps are too large for the cache, one after the other. The caller
decides: D is 2 or 1.
"""

import torch
from torch import Tensor

from seqtrain.recurrence.engines.blocks import backward_blocks
from seqtrain.recurrence.engines.products import make_added_product
from seqtrain.recurrence.engines.tanh import Tanh
from seqtrain.recurrence.walk import PackedWalk

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input  # (d, s) -> d s (1 - s)
tanh_backward = torch.ops.aten.tanh_backward.grad_input  # (d, t) -> d (1 - t^2)


def forward_loop(
    gates: Tensor, projected: Tensor, weight_hh: Tensor, h: Tensor, c: Tensor, tanh: Tanh, walk: PackedWalk
) -> None:
    """Fill the activated gates i, f, g, o (D, N, 4H) and, after the B initial states, h and c (D, B + N, H).

    `projected` (D, N, 4H), which may be `gates` itself, and `weight_hh` (D, 4H, H) have the rows of g
    multiplied by `tanh.scale`; c is the cell state times that scale.
    """
    num_directions, _, hidden_size = h.shape
    batch_size = walk.batch_sizes[0]
    cell_of = slice(2 * hidden_size, 3 * hidden_size)
    one_dtype = projected.dtype == c.dtype
    add_product = make_added_product(weight_hh, walk)
    walked = (projected, gates, *gates.chunk(4, dim=-1), h[:, batch_size:], c[:, batch_size:])
    h_previous, c_previous = h[:, :batch_size], c[:, :batch_size]

    size = -1
    for x, gate, i, f, g, o, h_step, c_step in walk.steps(*walked):
        if x.size(1) != size:
            size = x.size(1)
            h_previous, c_previous = h_previous[:, :size], c_previous[:, :size]
            a = h.new_empty(num_directions, size, 4 * hidden_size)
            wide = a if one_dtype else c.new_empty(a.shape)
            a_g, tanh_c = wide[:, :, cell_of], c.new_empty(num_directions, size, hidden_size)
        add_product(h_previous, x, a)  # a = W_ih x + W_hh h + b
        if not one_dtype:
            wide.copy_(a)
        torch.sigmoid(wide, out=gate)
        tanh.run(a_g, g)
        torch.mul(f, c_previous, out=c_step)
        c_step.addcmul_(i, g, value=tanh.scale)  # c' = f c + i g
        tanh.run(c_step, tanh_c)
        torch.mul(o, tanh_c, out=h_step)  # h' = o tanh(c')
        h_previous, c_previous = h_step, c_step


def backward_loop(
    gates: Tensor, weight_hh: Tensor, c: Tensor, d_h: Tensor, d_c: Tensor, tanh: Tanh, walk: PackedWalk
) -> Tensor:
    """Turn the gates into the gradients of their pre-activations (D, N, 4H) in place.

    `gates` and c are what `forward_loop` left, `weight_hh` (D, 4H, H) is torch's own. `d_h` (D, N, H) is the
    gradient that reaches h at each row from outside the recurrence. `d_c` (D, B, H), the gradient of the
    final cell states, becomes that of c_0 in place. Returns the gradient of h_0 (D, B, H).
    """
    by_gate = gates.view(*gates.shape[:2], 4, gates.size(2) // 4)
    walked = (d_h, gates, by_gate[:, :, :3], by_gate[:, :, 3])
    add_product = make_added_product(weight_hh.mT, walk)

    size = -1
    d_a = d_h_out = d_h
    one_dtype = gates.dtype == weight_hh.dtype
    for first, last in backward_blocks(walk, width=gates.size(0) * gates.size(2)):
        rows = slice(walk.offsets[first], walk.offsets[last])
        steps = [walk.split(parts, first, last) for parts in walked]
        for factor in _factors(gates[:, rows], c, rows, tanh, walk):
            steps.append(torch.split(factor, walk.batch_sizes[first:last], dim=1))
        for d_h_step, d_gate, d_ifg, d_o, to_c, f in zip(*map(reversed, steps), strict=True):
            if d_h_step.size(1) == size:
                d_h_step = add_product(d_a, d_h_step, d_h_out)
            else:
                if size > 0:  # some sequences end here: nothing comes back from a next step for them
                    known = add_product(d_a, d_h_step[:, :size], d_h_out)
                    d_h_step = torch.cat([known, d_h_step[:, size:]], 1)
                size = d_h_step.size(1)
                d_c_step = d_c[:, :size]
                d_c_by_gate = d_c_step.unsqueeze(2)
                d_h_out = torch.empty_like(d_h_step, memory_format=torch.contiguous_format)
            d_c_step.addcmul_(d_h_step, to_c)  # dc = dc + dh o tanh'(c)
            d_ifg.mul_(d_c_by_gate)  # di, df, dg: their factors times dc
            d_o.mul_(d_h_step)  # do: its factor times dh
            d_c_step.mul_(f)
            d_a = d_gate if one_dtype else d_gate.to(weight_hh.dtype)
    return torch.bmm(d_a, weight_hh)


def _factors(gates: Tensor, c: Tensor, rows: slice, tanh: Tanh, walk: PackedWalk) -> tuple[Tensor, Tensor]:
    """Put into the gates of these rows (D, rows, 4H) what the recurrent gradients are multiplied with.

    For i, f, g that is dc, for o it is dh:

        g i (1 - i),   c_previous f (1 - f),   i (1 - g^2),   tanh(c) o (1 - o)

    Returns the factor of dh on its way to dc, o (1 - tanh(c)^2), and f, (D, rows, H) each.
    """
    i, f, g, o = gates.chunk(4, dim=-1)
    batch_size = walk.batch_sizes[0]
    tanh_c = torch.empty_like(o, memory_format=torch.contiguous_format)
    tanh.run(c[:, batch_size + rows.start : batch_size + rows.stop], tanh_c)
    to_c = torch.ops.aten.tanh_backward(o, tanh_c)
    forget, whole_i = f.clone(), i.clone()

    sigmoid_backward(g, i, grad_input=i)
    tanh_backward(whole_i, g, grad_input=g)
    sigmoid_backward(walk.take_previous(c, rows.start, rows.stop), f, grad_input=f)
    if tanh.scale != 1:
        f.div_(tanh.scale)
    sigmoid_backward(tanh_c, o, grad_input=o)
    return to_c, forget

"""The time loops of the fast GRU engine: only what depends on the previous step is inside.

Letters as in lstm_loop.py. The gates of a row are stored as (hn, r, z, n), where hn = W_hn h + b_hn is what
the reset gate multiplies. Of their gradients, the first three are then those of h W_hh^T + b_hh, with its
rows in the order n, r, z, and the last three those of x W_ih^T + b_ih.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqtrain.recurrence.engines.blocks import backward_blocks
from seqtrain.recurrence.engines.products import (
    AddedProduct,
    Product,
    make_added_product,
    make_recurrent_product,
)
from seqtrain.recurrence.engines.tanh import Tanh
from seqtrain.recurrence.walk import PackedWalk


def forward_loop(
    gates: Tensor,
    projected: Tensor,
    weight_hh: Tensor,
    bias_hh: Tensor | None,
    h: Tensor,
    tanh: Tanh,
    walk: PackedWalk,
) -> None:
    """Fill the gates (D, N, 4H) and, after the B initial states, h (D, B + N, H).

    `projected` (D, N, 3H), `weight_hh` (D, 3H, H) and `bias_hh` (D, 3H) have their rows in torch's order
    r, z, n, those of n multiplied by `tanh.scale`; hn carries that scale, too.
    """
    batch_size, hidden_size = walk.batch_sizes[0], h.size(2)
    product = make_recurrent_product(weight_hh, bias_hh, walk)
    h_n, r, _, n = gates.chunk(4, dim=-1)
    rz, z = gates[..., hidden_size : 3 * hidden_size], gates[..., 2 * hidden_size : 3 * hidden_size]
    x_rz, x_n = torch.split(projected, [2 * hidden_size, hidden_size], dim=-1)
    walked = (x_rz, x_n, h_n, r, rz, z, n, h[:, batch_size:])
    previous = h[:, :batch_size]
    for x_rz_step, x_n_step, h_n_step, r_step, rz_step, z_step, n_step, h_step in walk.steps(*walked):
        previous = previous[:, : h_step.size(1)]
        recurrent_rz, recurrent_n = torch.split(product(previous), [2 * hidden_size, hidden_size], dim=-1)
        torch.add(x_rz_step, recurrent_rz, out=rz_step).sigmoid_()
        h_n_step.copy_(recurrent_n)
        torch.addcmul(x_n_step, r_step, recurrent_n, out=n_step)
        tanh.run(n_step, n_step)
        torch.lerp(n_step, previous, z_step, out=h_step)  # h' = (1 - z) n + z h
        previous = h_step


def inference_loop(
    projected: Tensor, product: Product, h_n: Tensor, tanh: Tanh, sizes: Sequence[int]
) -> Tensor:
    """Run the steps of one block without keeping gates; return h of every row (D, rows, H).

    `projected` and the weight of `product` are scaled as in `forward_loop`; `h_n` (D, B, H), the latest
    states, is updated.
    """
    num_directions, num_rows, _ = projected.shape
    hidden_size = h_n.size(-1)
    output = h_n.new_empty(num_directions, num_rows, hidden_size)
    parts = (*torch.split(projected, [2 * hidden_size, hidden_size], dim=-1), output)
    h = h_n
    for x_rz, x_n, h_step in zip(*(torch.split(part, list(sizes), dim=1) for part in parts), strict=True):
        if x_n.size(1) != h.size(1):
            h_n[:, : h.size(1)] = h
            h = h_n[:, : x_n.size(1)]
        recurrent = product(h)
        rz = recurrent[..., : 2 * hidden_size].add_(x_rz).sigmoid_()
        r, z = rz.chunk(2, dim=-1)
        n = torch.addcmul(x_n, r, recurrent[..., 2 * hidden_size :])
        tanh.run(n, n)
        torch.lerp(n, h, z, out=h_step)
        h = h_step
    h_n[:, : h.size(1)] = h
    return output


def backward_loop(
    gates: Tensor, weight_hh: Tensor, h: Tensor, d_h: Tensor, tanh: Tanh, walk: PackedWalk
) -> Tensor:
    """Turn the gates into the gradients of (hn, r, z, n) before their activation (D, N, 4H), in place.

    `gates` and h are what `forward_loop` left; `weight_hh` (D, 3H, H) is torch's own with its rows in the
    order n, r, z. `d_h` (D, N, H), the gradient that reaches h at each row from outside, is overwritten.
    Returns the gradient of h_0 (D, B, H).
    """
    hidden_size = h.size(2)
    by_gate = gates.view(*gates.shape[:2], 4, hidden_size)
    walked = (d_h, by_gate, gates[..., : 3 * hidden_size])
    add_product = make_added_product(weight_hh.mT, walk)

    later: tuple[Tensor, Tensor, Tensor] | None = None  # of the step after: its d_h, z and d_a
    for first, last in backward_blocks(walk, width=gates.size(0) * gates.size(2)):
        rows = slice(walk.offsets[first], walk.offsets[last])
        z_rows = _factors(gates[:, rows], h, rows, tanh, walk)
        steps = [walk.split(parts, first, last) for parts in walked]
        steps.append(torch.split(z_rows, walk.batch_sizes[first:last], dim=1))
        for d_h_step, d_gates, d_a, z in zip(*map(reversed, steps), strict=True):
            if later is not None:
                reached = d_h_step[:, : later[0].size(1)]  # the others end here
                reached.copy_(_pass_back(reached, *later, add_product))
            d_gates.mul_(d_h_step.unsqueeze(2))
            later = d_h_step, z, d_a
    assert later is not None
    return _pass_back(torch.zeros_like(later[0]), *later, add_product)


def _pass_back(d_h_step: Tensor, d_h: Tensor, z: Tensor, d_a: Tensor, add_product: AddedProduct) -> Tensor:
    """Add to the gradient of h what comes back from the next step: d_h z + d_a W_hh."""
    direct = torch.addcmul(d_h_step, d_h, z)
    return add_product(d_a, direct, direct)


def _factors(gates: Tensor, h: Tensor, rows: slice, tanh: Tanh, walk: PackedWalk) -> Tensor:
    """Put into the gates of these rows what the gradient of h is multiplied with, and return z:

    n: k = (1 - z) (1 - n^2)     z: (h_previous - n) z (1 - z)     r: k hn r (1 - r)     hn: k r
    """
    h_n, r, z, n = gates.chunk(4, dim=-1)
    previous = walk.take_previous(h, rows.start, rows.stop)
    update = z.clone()
    k = torch.ops.aten.tanh_backward(1 - z, n)
    torch.ops.aten.sigmoid_backward.grad_input(previous - n, z, grad_input=z)
    n.copy_(k)
    d_r = h_n.mul(k).div_(tanh.scale)
    torch.mul(k, r, out=h_n)
    torch.ops.aten.sigmoid_backward.grad_input(d_r, r, grad_input=r)
    return update

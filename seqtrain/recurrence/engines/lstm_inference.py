"""The LSTM's time loop without gradients: seven operations per step, in buffers that are used again."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqtrain.recurrence.engines.products import multiply, prefers_onednn
from seqtrain.recurrence.engines.tanh import Tanh


def inference_loop(
    projected: Tensor, weight_hh: Tensor, h_n: Tensor, c_n: Tensor, tanh: Tanh, sizes: Sequence[int]
) -> Tensor:
    """Run the steps of one block, with `sizes` sequences alive; return h of every row (D, rows, H).

    `projected` (D, rows, 4H), `weight_hh` (D, 4H, H) and `c_n` (D, B, H) are scaled as in `forward_loop`.
    `h_n` and `c_n` hold the latest states of all sequences, those that have ended included, and are updated.
    """
    num_directions, num_rows, _ = projected.shape
    hidden_size = h_n.size(-1)
    one_dtype = projected.dtype == c_n.dtype
    apart = num_directions == 1 and prefers_onednn(h_n, weight_hh.numel() * num_rows // len(sizes))
    matrix = weight_hh.mT
    output = h_n.new_empty(num_directions, num_rows, hidden_size)
    steps = [torch.split(rows, list(sizes), dim=1) for rows in (projected, output)]

    h, gates = h_n, projected
    for x, h_step in zip(*steps, strict=True):
        if x.size(1) != gates.size(1) or gates is projected:
            h_n[:, : h.size(1)] = h
            h, c = h_n[:, : x.size(1)], c_n[:, : x.size(1)]
            gates = c_n.new_empty(num_directions, x.size(1), 4 * hidden_size)
            i, f, a_g, o = gates.chunk(4, dim=-1)
            g = torch.empty_like(c, memory_format=torch.contiguous_format)
        if apart:
            torch.add(multiply(h[0], weight_hh[0]), x[0], out=gates[0])
        elif one_dtype:
            torch.baddbmm(x, h, matrix, out=gates)
        else:
            gates.copy_(torch.baddbmm(x, h, matrix))
        tanh.run(a_g, g)
        gates.sigmoid_()
        c.mul_(f).addcmul_(i, g, value=tanh.scale)  # c' = f c + i g
        tanh.run(c, g)
        torch.mul(o, g, out=h_step)  # h' = o tanh(c')
        h = h_step
    h_n[:, : h.size(1)] = h
    return output

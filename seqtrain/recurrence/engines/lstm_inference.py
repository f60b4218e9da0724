"""The LSTM's time loop without gradients: few operations per step, in buffers that are used again."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqtrain.recurrence.engines.lstm_gates import Gates
from seqtrain.recurrence.engines.tanh import Tanh


def inference_loop(
    gates: Gates, rows: Tensor, h_n: Tensor, c_n: Tensor, tanh: Tanh, sizes: Sequence[int]
) -> Tensor:
    """Run the steps of one block, with `sizes` sequences alive; return h of every row (D, rows, H).

    `rows` is (D, rows, I). `h_n` and `c_n` (D, B, H), c_n times `tanh.scale`, hold the latest states of all
    sequences, those that have ended included, and are updated.
    """
    output = h_n.new_empty(*rows.shape[:2], h_n.size(-1))
    size, h = -1, h_n
    steps = torch.split(output, list(sizes), dim=1)
    for x, h_step in zip(gates.project(rows, sizes), steps, strict=True):
        if h_step.size(1) != size:
            size = h_step.size(1)
            h_n[:, : h.size(1)] = h
            h, c = h_n[:, :size], c_n[:, :size]
            i, f, a_g, o = gates.resize(c)
            g = torch.empty_like(c, memory_format=torch.contiguous_format)
        gates.fill(x, h)  # a = W_ih x + W_hh h + b
        tanh.run(a_g, g)
        for part in gates.sigmoids:
            part.sigmoid_()
        c.mul_(f).addcmul_(i, g, value=tanh.scale)  # c' = f c + i g
        tanh.run(c, g)
        h = torch.mul(o, g, out=h_step)  # h' = o tanh(c')
    h_n[:, : h.size(1)] = h
    return output

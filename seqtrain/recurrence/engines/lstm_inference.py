"""The LSTM's time loop without gradients: few operations per step, in buffers that are used again."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from seqtrain.recurrence.engines.lstm_gates import Gates
from seqtrain.recurrence.engines.tanh import Tanh


def inference_loop(
    gates: Gates, projected: Iterable[Any], h_n: Tensor, c_n: Tensor, tanh: Tanh, sizes: Sequence[int]
) -> Tensor:
    """Run the steps of one block, with `sizes` sequences alive; return h of every row (D, rows, H).

    `projected` is what `gates.project` returned for the block. `h_n` and `c_n` (D, B, H), c_n times
    `tanh.scale`, hold the latest states of all sequences, those that have ended included, and are updated.
    """
    output = h_n.new_empty(h_n.size(0), sum(sizes), h_n.size(-1))
    size, h = -1, h_n
    scale, run_tanh, fill = tanh.scale, tanh.run, gates.fill
    for x, h_step in zip(projected, torch.split(output, list(sizes), dim=1), strict=True):
        if h_step.size(1) != size:
            size = h_step.size(1)
            h_n[:, : h.size(1)] = h
            h, c = h_n[:, :size], c_n[:, :size]
            i, f, a_g, o = gates.resize(c)
            g = torch.empty_like(c, memory_format=torch.contiguous_format)
        fill(x, h)  # a = W_ih x + W_hh h + b
        run_tanh(a_g, g)
        for part in gates.sigmoids:
            part.sigmoid_()
        c.mul_(f).addcmul_(i, g, value=scale)  # c' = f c + i g
        run_tanh(c, g)
        h = torch.mul(o, g, out=h_step)  # h' = o tanh(c')
    h_n[:, : h.size(1)] = h
    return output

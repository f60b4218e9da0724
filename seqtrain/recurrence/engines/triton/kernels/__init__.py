"""The time loop of the LSTM as Triton kernels, both directions and ragged lengths in one launch.

    cell.py     what all kernels share: where rows lie, the equations, forward and backward
    tile.py     what group and step share: all of a step but the product
    whole.py    a program owns some sequences and all of W_hh: no exchange; small hidden sizes
    group.py    a group of programs owns some sequences, each a slice of W_hh, and meets once per step
    group_backward.py
    step.py     one launch per step, W_hh streamed: any size

Letters: N rows of all steps, D directions, B sequences, T steps, H hidden size. Tensors are (N, D, H) or
(N, D, 4H) with rows as the input's, or (D, B, H). A step counts in the walk of its direction: the backward
direction's step 0 is each sequence's last row. Importing this package imports Triton.
"""

from seqtrain.recurrence.engines.triton.kernels.group import forward_group
from seqtrain.recurrence.engines.triton.kernels.group_backward import backward_group
from seqtrain.recurrence.engines.triton.kernels.step import backward_step, forward_step
from seqtrain.recurrence.engines.triton.kernels.whole import backward_whole, forward_whole

__all__ = [
    "backward_group",
    "backward_step",
    "backward_whole",
    "forward_group",
    "forward_step",
    "forward_whole",
]

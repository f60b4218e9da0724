"""How far back in time the loss of a step reaches."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqtrain.analysis.example import Array
from seqtrain.records import IGNORED
from seqtrain.recurrence.trace import Trace

MAX_STEPS = 256  # of a batch: each step costs a backward pass through all of them


def reach(traced: Trace, scores: Tensor, targets: Tensor) -> Array | None:
    """The norm of dL_s/dh_t for all steps s and t, where L_s is the cross-entropy at step s alone.

    With a target for every step, the gradient of the whole loss is mostly that of each state's own step. This
    shows how much the state at one step matters to the loss at another: the memory of the recurrence.

    Args:
        traced: with its graph.
        scores: (batch, time, num_targets).
        targets: (batch, time), IGNORED at padding.

    Returns:
        (batch, layers, directions, time s, time t); None if the sequences have more than 256 steps.
    """
    if scores.shape[1] > MAX_STEPS:
        return None
    losses = F.cross_entropy(
        scores.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
    )
    rows = [_norms(traced, loss) for loss in losses.view(targets.shape).sum(dim=0)]
    return np.stack(rows, axis=3)


def _norms(traced: Trace, loss: Tensor) -> Array:
    """(batch, layers, directions, time)"""
    gradients = traced.state_gradients(loss)
    norms = [torch.stack([each.h.norm(dim=-1) for each in layer]) for layer in gradients]
    stacked: Array = torch.stack(norms).movedim(2, 0).float().numpy()
    return stacked

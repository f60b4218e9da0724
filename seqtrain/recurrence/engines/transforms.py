"""Detection of the transforms that a backward pass written by hand cannot take part in.

Torch has no public way to ask; torch.autograd.Function.apply makes the first of these checks itself.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad


def is_transformed() -> bool:
    """Whether vmap, another torch.func transform or forward-mode differentiation is active."""
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


def is_dispatched() -> bool:
    """Whether a mode of torch, such as a flop counter or a tracer, is to see every operation."""
    return torch._C._len_torch_dispatch_stack() > 0


def is_any_batched(tensors: Sequence[Tensor | None]) -> bool:
    """Whether torch.autograd.grad(is_grads_batched=True) passes batches of gradients as one."""
    return any(tensor is not None and "Batched" in torch._C._dispatch_key_set(tensor) for tensor in tensors)
